import Schema

/// Why bytes are no event.
package enum EventDecodingError: Error, Hashable, Sendable {
    /// Written by a newer Farebox.
    case unknownVersion(UInt8)
    /// The bytes end within a field.
    case truncated
    /// Text that is not UTF-8.
    case malformedText
    /// An optional's mark, or a name of a closed list, that the version does not have.
    case unknownValue
    /// Written in another version than the one that has its fields.
    case notCanonical
    /// Bytes behind the end.
    case trailingBytes
}

extension EventEncoding {
    /// Reads canonical bytes; encoding the result gives the same bytes again.
    package static func decode(_ bytes: [UInt8]) throws(EventDecodingError) -> Event {
        var reader = EventReader(bytes)
        let version = try reader.integer(UInt8.self)
        guard (1...Self.version).contains(version) else { throw .unknownVersion(version) }
        let kind = try reader.name(EventKind.self)
        let account: AccountID = try reader.identifier()
        let id: EventID = try reader.identifier()
        let occurredAt = Instant(microseconds: try reader.integer())
        let body: EventBody
        switch kind {
        case .usage:
            body = .usage(try reader.usage(version))
        case .creditGranted:
            body = .creditGranted(
                CreditGranted(
                    grant: try reader.identifier(),
                    kind: try reader.name(),
                    amount: try reader.pico(),
                    reference: try reader.isPresent() ? try reader.text() : nil,
                    priority: version >= 2 ? try reader.integer() : 0,
                    expiresAt: version >= 2 ? try reader.instantOrNil() : nil
                )
            )
        case .creditExpired:
            body = .creditExpired(try reader.withdrawal())
        case .creditVoided:
            body = .creditVoided(try reader.withdrawal())
        case .creditChargedBack:
            body = .creditChargedBack(
                CreditChargedBack(
                    grant: try reader.identifier(),
                    amount: try reader.pico(),
                    reason: try reader.text()
                )
            )
        case .creditAdjusted:
            body = .creditAdjusted(
                CreditAdjusted(amount: try reader.pico(), reason: try reader.text())
            )
        case .creditLimitSet:
            body = .creditLimitSet(CreditLimitSet(limit: try reader.pico()))
        case .payment:
            body = .payment(
                Payment(
                    amount: try reader.pico(),
                    invoice: try reader.text(),
                    reference: try reader.text()
                )
            )
        case .creditNote:
            body = .creditNote(
                CreditNote(
                    amount: try reader.pico(),
                    invoice: try reader.text(),
                    number: try reader.text(),
                    reason: try reader.text()
                )
            )
        case .rounding:
            body = .rounding(
                InvoiceRounding(amount: try reader.pico(), invoice: try reader.text())
            )
        case .leaseLost:
            body = .leaseLost(
                LeaseLost(
                    lease: try reader.identifier(),
                    instance: try reader.identifier(),
                    epoch: try reader.integer(),
                    bound: try reader.pico()
                )
            )
        case .periodClosed:
            guard let month = Month(try reader.text()) else { throw .notCanonical }
            body = .periodClosed(
                PeriodClosed(
                    month: month,
                    endsAt: Instant(microseconds: try reader.integer()),
                    chargedFrom: version >= 5 ? try reader.instantOrNil() : nil
                )
            )
        }
        guard version == Self.version(of: body) else { throw .notCanonical }
        guard reader.isAtEnd else { throw .trailingBytes }
        return Event(account: account, id: id, occurredAt: occurredAt, body: body)
    }
}

/// Takes fields from canonical bytes, front to back.
private struct EventReader {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { offset == bytes.count }

    mutating func usage(_ version: UInt8) throws(EventDecodingError) -> Usage {
        let request: RequestID = try identifier()
        let lease: LeaseID? = try isPresent() ? try identifier() : nil
        let key: KeyID = try identifier()
        let project: ProjectID = try identifier()
        let admittedAt = Instant(microseconds: try integer())
        let (model, upstream, upstreamModel) = (try text(), try text(), try text())
        let endpoint: Endpoint = try name()
        let isStreamed = try isPresent()
        let serviceTier: ServiceTier = try name()
        let contextTier = ContextTier(threshold: try integer())
        let tokens = try self.tokens()
        let webSearches = try integer(Int64.self)
        let latency = try integer(Int64.self)
        let firstByte: Int64? = try isPresent() ? try integer() : nil
        let status = try integer(Int64.self)
        let outcome: UsageOutcome = try name()
        let source: UsageSource = try name()
        let priceVersion = PriceVersion(try integer())
        var usage = Usage(
            request: request,
            lease: lease,
            key: key,
            project: project,
            admittedAt: admittedAt,
            model: model,
            upstream: upstream,
            upstreamModel: upstreamModel,
            endpoint: endpoint,
            isStreamed: isStreamed,
            priceVersion: priceVersion,
            hold: try pico()
        )
        usage.serviceTier = serviceTier
        usage.contextTier = contextTier
        usage.tokens = tokens
        usage.webSearches = webSearches
        usage.latencyMilliseconds = latency
        usage.firstByteMilliseconds = firstByte
        usage.status = Int(status)
        usage.outcome = outcome
        usage.source = source
        usage.charge = try pico()
        usage.excess = try pico()
        usage.upstreamCost = try isPresent() ? try pico() : nil
        guard version >= 3 else { return usage }
        usage.attempts = try attempts()
        usage.loweredCap = try isPresent() ? try integer() : nil
        usage.upstreamCostCurrency = try isPresent() ? try currency() : nil
        if version >= 4 { usage.capped = try cappedScopes() }
        return usage
    }

    private mutating func cappedScopes() throws(EventDecodingError) -> CappedScopes {
        let scopes = CappedScopes(rawValue: try integer())
        guard scopes.isKnown else { throw .unknownValue }
        return scopes
    }

    mutating func attempts() throws(EventDecodingError) -> [UpstreamAttempt] {
        var attempts: [UpstreamAttempt] = []
        for _ in 0..<(try integer(UInt32.self)) {
            attempts.append(
                UpstreamAttempt(
                    upstream: try text(),
                    upstreamModel: try text(),
                    end: try name(),
                    status: try isPresent() ? Int(try integer(Int64.self)) : nil,
                    milliseconds: try integer()
                )
            )
        }
        return attempts
    }

    private mutating func currency() throws(EventDecodingError) -> Currency {
        guard let currency = Currency(try text()) else { throw .unknownValue }
        return currency
    }

    mutating func tokens() throws(EventDecodingError) -> TokenUsage {
        var tokens = TokenUsage()
        tokens.input = try integer()
        tokens.cacheRead = try integer()
        tokens.cacheWriteShort = try integer()
        tokens.cacheWriteLong = try integer()
        tokens.audioInput = try integer()
        tokens.imageInput = try integer()
        tokens.output = try integer()
        tokens.audioOutput = try integer()
        tokens.reasoning = try integer()
        return tokens
    }

    mutating func integer<Value: FixedWidthInteger>(
        _ type: Value.Type = Value.self
    ) throws(EventDecodingError) -> Value {
        let count = MemoryLayout<Value>.size
        guard bytes.count - offset >= count else { throw .truncated }
        defer { offset += count }
        let value = bytes.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: offset, as: Value.self)
        }
        return Value(bigEndian: value)
    }

    mutating func identifier<Entity>() throws(EventDecodingError) -> Identifier<Entity> {
        Identifier(high: try integer(), low: try integer())
    }

    mutating func withdrawal() throws(EventDecodingError) -> CreditWithdrawn {
        CreditWithdrawn(grant: try identifier(), amount: try pico(), kept: try pico())
    }

    mutating func instantOrNil() throws(EventDecodingError) -> Instant? {
        try isPresent() ? Instant(microseconds: try integer()) : nil
    }

    mutating func pico() throws(EventDecodingError) -> Pico { Pico(try integer()) }

    mutating func text() throws(EventDecodingError) -> String {
        let count = Int(try integer(UInt32.self))
        guard bytes.count - offset >= count else { throw .truncated }
        defer { offset += count }
        do {
            let span = bytes.span.extracting(offset..<(offset + count))
            return String(copying: try UTF8Span(validating: span))
        } catch {
            throw .malformedText
        }
    }

    mutating func name<Name: RawRepresentable<String>>(
        _ type: Name.Type = Name.self
    ) throws(EventDecodingError) -> Name {
        guard let name = Name(rawValue: try text()) else { throw .unknownValue }
        return name
    }

    mutating func isPresent() throws(EventDecodingError) -> Bool {
        switch try integer(UInt8.self) {
        case 0: false
        case 1: true
        default: throw .unknownValue
        }
    }
}
