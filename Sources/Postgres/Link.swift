import CPostgres
import Glibc

/// Owns one connection of libpq; belongs to the thread that made it, and blocks that thread.
final class Link {
    private let pointer: OpaquePointer
    private let url: DatabaseURL
    /// Notices since the last statement was sent; the most recent ones when there are many.
    private(set) var notices: [ServerNotice] = []
    private let permission: PreparePermission
    private var prepared = PreparedStatements()

    private static let noticesMax = 64

    /// Connects, in `connectTimeout` seconds per host at most.
    init(
        _ configuration: DatabaseConfiguration,
        permission: PreparePermission
    ) throws(PostgresError) {
        self.permission = permission
        url = configuration.url
        let parameters = url.parameters(defaults: [
            "application_name": configuration.applicationName,
            "client_encoding": "UTF8",
            "connect_timeout": String(max(2, configuration.connectTimeout.components.seconds)),
            // A peer that vanished is noticed in less than a minute, idle or not.
            "keepalives_idle": "15", "keepalives_interval": "5", "keepalives_count": "3",
            "tcp_user_timeout": "30000",
        ])
        let opened = withCStrings(parameters.map(\.keyword)) { keywords in
            withCStrings(parameters.map(\.value)) { values in
                PQconnectdbParams(keywords, values, 0)
            }
        }
        guard let opened else {
            throw PostgresError(.connectFailed, phase: .connect, "out of memory")
        }
        pointer = opened
        guard PQstatus(opened) == CONNECTION_OK else {
            // All properties are set, so the deinitialiser runs and frees the connection.
            let message = url.redact(oneLine(PQerrorMessage(opened)))
            throw PostgresError(.connectFailed, phase: .connect, message)
        }
        // Borrowed: the receiver is called only inside of this object's own calls to libpq.
        PQsetNoticeReceiver(opened, receiveNotice, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        PQfinish(pointer)
    }

    /// Runs one statement with binary parameters and binary results.
    func execute(_ sql: SQL, phase: PostgresError.Phase) throws(PostgresError) -> Rows {
        notices.removeAll(keepingCapacity: true)
        let result = withParameters(of: sql) { count, values, lengths, formats in
            PQexecParams(
                pointer,
                sql.text,
                count,
                sql.typeOIDs,
                values,
                lengths,
                formats,
                1
            )
        }
        return Rows(try accept(result, phase: phase))
    }

    /// The same, but the server parses the statement once for this connection, and plans it until
    /// it has seen that its plan does not depend on the parameters.
    func executePrepared(_ sql: SQL, phase: PostgresError.Phase) throws(PostgresError) -> Rows {
        guard permission.isGiven, let name = try prepare(sql, phase: phase) else {
            return try execute(sql, phase: phase)
        }
        notices.removeAll(keepingCapacity: true)
        let result = withParameters(of: sql) { count, values, lengths, formats in
            PQexecPrepared(pointer, name, count, values, lengths, formats, 1)
        }
        return Rows(try acceptPrepared(result, phase: phase))
    }

    /// The name of the prepared statement; nil when it is not to be prepared.
    private func prepare(
        _ sql: SQL,
        phase: PostgresError.Phase
    ) throws(PostgresError) -> String? {
        if let name = prepared.name(of: sql.text) { return name }
        guard let name = prepared.freshName() else { return nil }
        let result = PQprepare(pointer, name, sql.text, Int32(sql.typeOIDs.count), sql.typeOIDs)
        _ = try acceptPrepared(result, phase: phase)
        prepared.add(sql.text, name: name)
        return name
    }

    private func acceptPrepared(
        _ result: OpaquePointer?,
        phase: PostgresError.Phase
    ) throws(PostgresError) -> ResultOwner {
        do throws(PostgresError) {
            return try accept(result, phase: phase)
        } catch {
            guard error.sqlState?.isOfPreparation ?? false else { throw error }
            permission.withdraw()
            var lost = error
            lost.isLostPreparation = true
            throw lost
        }
    }

    /// Lends what libpq takes as the values of a statement.
    private func withParameters(
        of sql: SQL,
        _ body: (
            _ count: Int32,
            _ values: [UnsafePointer<CChar>?],
            _ lengths: [Int32],
            _ formats: [Int32]
        ) -> OpaquePointer?
    ) -> OpaquePointer? {
        let count = sql.typeOIDs.count
        return sql.fields.bytes.withUnsafeBufferPointer { buffer in
            var values: [UnsafePointer<CChar>?] = []
            var lengths: [Int32] = []
            values.reserveCapacity(count)
            lengths.reserveCapacity(count)
            var rest = UnsafeRawBufferPointer(buffer)
            for _ in 0..<count {
                let length = Int32(bigEndian: rest.loadUnaligned(as: Int32.self))
                let value = UnsafeRawBufferPointer(rebasing: rest.dropFirst(4))
                // An empty value has an address too: a missing one would mean NULL.
                values.append(
                    length < 0 ? nil : value.baseAddress?.assumingMemoryBound(to: CChar.self)
                )
                lengths.append(max(0, length))
                rest = UnsafeRawBufferPointer(rebasing: value.dropFirst(Int(max(0, length))))
            }
            return body(Int32(count), values, lengths, [Int32](repeating: 1, count: count))
        }
    }

    /// Runs any number of statements without parameters, in one round trip.
    func run(_ text: String, phase: PostgresError.Phase) throws(PostgresError) {
        notices.removeAll(keepingCapacity: true)
        _ = try accept(PQexec(pointer, text), phase: phase)
    }

    /// Sends COMMIT and judges the answer.
    func commit() throws(PostgresError) {
        notices.removeAll(keepingCapacity: true)
        let result = PQexec(pointer, "COMMIT")
        defer { PQclear(result) }
        let verdict = CommitVerdict(
            answer: answer(in: result),
            notices: notices,
            isConnectionAlive: isAlive
        )
        switch verdict {
        case .committed:
            return
        case .rolledBack(let state):
            throw failure(of: result, as: .server(state), phase: .commit)
        case .unknown(let reason):
            throw PostgresError(.commitOutcomeUnknown, phase: .commit, reason)
        }
    }

    private func answer(in result: OpaquePointer?) -> CommitVerdict.Answer {
        guard let result else { return .none }
        if PQresultStatus(result) == PGRES_COMMAND_OK {
            return .tag(String(cString: PQcmdStatus(result)))
        }
        guard let state = field(farebox_diag_sqlstate, of: result) else { return .none }
        return .error(SQLState(state))
    }

    var isAlive: Bool { PQstatus(pointer) == CONNECTION_OK }

    /// Whether no transaction is open and the connection can serve the next caller.
    var isIdle: Bool { isAlive && PQtransactionStatus(pointer) == PQTRANS_IDLE }

    /// Whether a transaction is open, be it failed or not.
    var isInTransaction: Bool {
        let status = PQtransactionStatus(pointer)
        return isAlive && (status == PQTRANS_INTRANS || status == PQTRANS_INERROR)
    }

    /// The socket to poll for notifications.
    var socket: Int32 { PQsocket(pointer) }

    /// Reads what has arrived; false when the connection has ended.
    func consumeInput() -> Bool {
        PQconsumeInput(pointer) == 1 && isAlive
    }

    /// Whether the server closed an idle connection: found out before a statement is lost on it.
    func hasEnded() -> Bool {
        var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 0) > 0 else { return !isAlive }
        guard consumeInput() else { return true }
        // What a server says unasked before it closes leaves nothing to read but the end.
        _ = PQisBusy(pointer)
        return !(poll(&descriptor, 1, 0) == 0 || consumeInput())
    }

    /// The next notification that has been read, if any.
    func nextNotification() -> (channel: String, payload: String)? {
        guard let notification = PQnotifies(pointer) else { return nil }
        defer { PQfreemem(notification) }
        return (
            String(cString: notification.pointee.relname),
            String(cString: notification.pointee.extra)
        )
    }

    fileprivate func received(_ notice: ServerNotice) {
        if notices.count == Self.noticesMax { notices.removeFirst() }
        notices.append(notice)
    }

    private func accept(
        _ result: OpaquePointer?,
        phase: PostgresError.Phase
    ) throws(PostgresError) -> ResultOwner {
        if let result {
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return ResultOwner(result)
            default: break
            }
        }
        defer { PQclear(result) }
        guard let state = field(farebox_diag_sqlstate, of: result) else {
            if isAlive, let result {
                // COPY and the like, which the caller has no way to go on with.
                let status = String(cString: PQresStatus(PQresultStatus(result)))
                throw PostgresError(.misuse, phase: phase, "unexpected answer \(status)")
            }
            let message = url.redact(oneLine(PQerrorMessage(pointer)))
            throw PostgresError(.connectionLost, phase: phase, message)
        }
        throw failure(of: result, as: .server(SQLState(state)), phase: phase)
    }

    private func failure(
        of result: OpaquePointer?,
        as code: PostgresError.Code,
        phase: PostgresError.Phase
    ) -> PostgresError {
        let primary = field(farebox_diag_message_primary, of: result)
        let message = primary ?? "the transaction had failed and was rolled back"
        var failure = PostgresError(
            code,
            phase: phase,
            withoutValues(message, of: code)
        )
        failure.constraint = field(farebox_diag_constraint_name, of: result)
        failure.table = field(farebox_diag_table_name, of: result)
        failure.column = field(farebox_diag_column_name, of: result)
        return failure
    }
}

private func receiveNotice(context: UnsafeMutableRawPointer?, result: OpaquePointer?) {
    guard let context else { return }
    let link = Unmanaged<Link>.fromOpaque(context).takeUnretainedValue()
    link.received(
        ServerNotice(
            severity: field(farebox_diag_severity, of: result) ?? "",
            message: field(farebox_diag_message_primary, of: result) ?? "",
            sourceFunction: field(farebox_diag_source_function, of: result) ?? ""
        )
    )
}

/// Returns nil for no result too: libpq takes a null pointer here.
private func field(_ code: some BinaryInteger, of result: OpaquePointer?) -> String? {
    PQresultErrorField(result, Int32(code)).map { String(cString: $0) }
}

private func oneLine(_ message: UnsafePointer<CChar>) -> String {
    String(cString: message).split(whereSeparator: \.isNewline).joined(separator: " ")
}

/// Cuts out what the server quotes in data exceptions: `invalid input syntax for …: "…"`.
private func withoutValues(_ message: String, of code: PostgresError.Code) -> String {
    guard case .server(let state) = code, state.conditionClass == "22",
        let start = message.firstIndex(of: "\""), let end = message.lastIndex(of: "\"")
    else { return message }
    return message[..<start] + "\"…\"" + message[message.index(after: end)...]
}

/// Gives C a null-terminated array of strings for the duration of a call.
private func withCStrings<Result>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    let copies = strings.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    let pointers = copies.map { UnsafePointer($0) } + [nil]
    return pointers.withUnsafeBufferPointer { buffer in
        guard let start = buffer.baseAddress else { preconditionFailure("it has an element") }
        return body(start)
    }
}
