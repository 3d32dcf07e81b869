import Billing
import Foundation
import Ingress
import Journal
import Ledger
import Payments
import Schema

/// The configuration file: JSON with comments, validated as a whole.
struct ConfigurationFile {
    var listen: String?
    var adminListen: String?
    /// The price file to import at start, as written: relative to the configuration file.
    var prices: String?
    /// How often events are sealed: what is younger has no seal to be verified against.
    var sealInterval = Duration.seconds(1)
    /// Whether a standby that is promoted may lack commits.
    var standby = EscrowSettings.Standby.asynchronous
    /// What the journal outlives.
    var journalSync = JournalSync.normal
    /// What billing does by the clock.
    var billing = BillingSchedule.Settings()
    /// How credit can be bought; nil for not at all.
    var payments: PaymentSettings?
    var gateway: GatewayConfiguration

    /// Everything that is wrong with a file, each with its path.
    struct Faults: Error, CustomStringConvertible {
        let file: String
        let faults: [String]

        var description: String {
            (["\(file) cannot be used:"] + faults.map { "  \($0)" }).joined(separator: "\n")
        }
    }

    /// Reads and validates a file.
    ///
    /// - Throws: `Faults` with every fault that was found.
    static func read(
        path: String,
        environment: [String: String]
    ) throws(Faults) -> ConfigurationFile {
        let tree: JSONTree
        do {
            tree = try .reading(Data(contentsOf: URL(filePath: path)))
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile {
            throw Faults(file: path, faults: ["there is no such file"])
        } catch let DecodingError.dataCorrupted(context) {
            let reason = context.underlyingError.map { "\($0)" } ?? context.debugDescription
            throw Faults(file: path, faults: ["is not JSON: \(reason)"])
        } catch {
            throw Faults(file: path, faults: ["cannot be read: \(error)"])
        }
        let reader = ConfigurationReader()
        let file = ConfigurationFile(tree, reader, environment)
        guard reader.faults.isEmpty else { throw Faults(file: path, faults: reader.faults) }
        return file
    }

    init(_ tree: JSONTree, _ reader: ConfigurationReader, _ environment: [String: String]) {
        let root = reader.object(
            tree,
            at: "",
            known: [
                "listen", "adminListen", "upstreams", "models", "prices", "policy", "limits",
                "ledger", "journal", "billing", "payments", "trustedProxies",
            ]
        )
        listen = reader.text(root["listen"], at: "listen")
        adminListen = reader.text(root["adminListen"], at: "adminListen")
        prices = reader.text(root["prices"], at: "prices")
        let ledger = reader.object(
            root["ledger"],
            at: "ledger",
            known: ["sealMilliseconds", "standby"]
        )
        standby =
            reader.choice(
                ledger["standby"],
                at: "ledger.standby",
                of: EscrowSettings.Standby.self
            ) ?? standby
        let sealMilliseconds = reader.integer(
            ledger["sealMilliseconds"],
            at: "ledger.sealMilliseconds",
            in: 10...86_400_000
        )
        if let sealMilliseconds { sealInterval = .milliseconds(sealMilliseconds) }
        let journal = reader.object(root["journal"], at: "journal", known: ["sync"])
        journalSync =
            reader.choice(journal["sync"], at: "journal.sync", of: JournalSync.self) ?? journalSync
        billing = Self.billing(root["billing"], reader)
        payments = PaymentsSection(reader, environment).read(root["payments"])
        let upstreams = UpstreamSection(reader, environment).read(root["upstreams"])
        gateway = GatewayConfiguration(
            upstreams: upstreams,
            models: ModelSection(reader, upstreams).read(root["models"]),
            policy: Self.policy(root["policy"], reader),
            limits: Self.limits(root["limits"], reader)
        )
        gateway.trustedProxies = Self.ranges(root["trustedProxies"], at: "trustedProxies", reader)
    }

    private static func billing(
        _ tree: JSONTree?,
        _ reader: ConfigurationReader
    ) -> BillingSchedule.Settings {
        let known: Set = ["closeAfterHours", "receipts"]
        let fields = reader.object(tree, at: "billing", known: known)
        var settings = BillingSchedule.Settings()
        settings.closeAfterHours = reader.integer(
            fields["closeAfterHours"],
            at: "billing.closeAfterHours",
            in: 1...1_440
        )
        settings.issuesReceipts =
            reader.flag(fields["receipts"], at: "billing.receipts") ?? settings.issuesReceipts
        return settings
    }

    private static func ranges(
        _ tree: JSONTree?,
        at path: String,
        _ reader: ConfigurationReader
    ) -> [AddressRange] {
        reader.list(tree, at: path).enumerated().compactMap { index, element in
            let path = "\(path)[\(index)]"
            guard let text = reader.text(element, at: path) else { return nil }
            guard let range = AddressRange(text) else {
                reader.fault(path, "must be addresses such as \"10.0.0.0/8\", not \"\(text)\"")
                return nil
            }
            return range
        }
    }

    /// A configuration without a file: one upstream for every model, as `scripts/run` starts with.
    init(gateway: GatewayConfiguration) {
        self.gateway = gateway
    }

    private static func policy(
        _ tree: JSONTree?,
        _ reader: ConfigurationReader
    ) -> GatewayPolicy {
        let fields = reader.object(
            tree,
            at: "policy",
            known: [
                "onDisconnect", "interrupted", "missingUsage", "shortCredit",
                "minimumOutputTokens",
            ]
        )
        var policy = GatewayPolicy()
        policy.onDisconnect =
            reader.choice(
                fields["onDisconnect"],
                at: "policy.onDisconnect",
                of: GatewayPolicy.OnDisconnect.self
            ) ?? policy.onDisconnect
        policy.interrupted =
            reader.choice(
                fields["interrupted"],
                at: "policy.interrupted",
                of: GatewayPolicy.Interrupted.self
            ) ?? policy.interrupted
        policy.missingUsage =
            reader.choice(
                fields["missingUsage"],
                at: "policy.missingUsage",
                of: GatewayPolicy.MissingUsage.self
            ) ?? policy.missingUsage
        policy.shortCredit =
            reader.choice(
                fields["shortCredit"],
                at: "policy.shortCredit",
                of: ShortCredit.self
            ) ?? policy.shortCredit
        policy.minimumOutputTokens =
            reader.integer(
                fields["minimumOutputTokens"],
                at: "policy.minimumOutputTokens",
                in: 1...1_000_000
            ) ?? policy.minimumOutputTokens
        return policy
    }

    private static func limits(
        _ tree: JSONTree?,
        _ reader: ConfigurationReader
    ) -> GatewayLimits {
        let fields = reader.object(
            tree,
            at: "limits",
            known: [
                "bodyBytesMax", "responseBytesMax", "relayBufferBytesMax", "callDeadlineSeconds",
                "disconnectDrainSeconds", "creditWaitMilliseconds", "drainSeconds",
                "connectionsMax", "leaseSeconds", "leaseMarginSeconds", "attemptsMax",
                "retryWaitMilliseconds",
            ]
        )
        var limits = GatewayLimits()
        func integer(_ name: String, _ range: ClosedRange<Int64>, _ apply: (Int64) -> Void) {
            if let value = reader.integer(fields[name], at: "limits.\(name)", in: range) {
                apply(value)
            }
        }
        integer("bodyBytesMax", 1_024...(1 << 30)) { limits.bodyBytesMax = Int($0) }
        integer("responseBytesMax", 1_024...(1 << 30)) { limits.responseBytesMax = Int($0) }
        integer("relayBufferBytesMax", 4_096...(16 << 20)) { limits.relayBufferBytesMax = Int($0) }
        integer("callDeadlineSeconds", 1...600) { limits.callDeadline = .seconds($0) }
        integer("attemptsMax", 1...20) { limits.attemptsMax = Int($0) }
        integer("retryWaitMilliseconds", 0...60_000) { limits.retryWait = .milliseconds($0) }
        integer("leaseSeconds", 5...3_600) { limits.leaseValidity = .seconds($0) }
        integer("leaseMarginSeconds", 1...600) { limits.leaseMargin = .seconds($0) }
        integer("disconnectDrainSeconds", 0...600) { limits.disconnectDrain = .seconds($0) }
        integer("creditWaitMilliseconds", 0...60_000) { limits.creditWait = .milliseconds($0) }
        integer("drainSeconds", 0...600) { limits.drainSeconds = $0 }
        integer("connectionsMax", 1...1_000_000) { limits.connectionsMax = Int($0) }
        return limits
    }
}
