import Billing
import Ingress
import Journal
import Payments

/// Puts another configuration in force while calls run.
///
/// All that can be wrong with it is found before anything is changed. Then each loop is given one
/// value with everything in it, so that no call sees a part of one and a part of the other; calls
/// that run end as they began.
struct Reload: Sendable {
    /// What the process was started with, some of which lasts as long as it does.
    let initial: ServeOptions
    let services: GatewayServices
    let gateways: [Gateway]
    let importPrices: @Sendable (_ path: String?) async throws -> Void

    /// - Throws: what is wrong with the options; then the configuration before stays in force.
    func adopt(_ options: ServeOptions) async throws {
        let faults = initial.configuration.fixed.faults(against: options.configuration.fixed)
        guard faults.isEmpty else {
            throw ConfigurationFile.Faults(file: options.configurationPath, faults: faults)
        }
        let configuration = options.configuration.gateway
        let vocabularies = try VocabularyFolder(options.vocabularyPath).read(
            for: configuration,
            options.log
        )
        try await importPrices(options.pricesPath)
        let services = services.reconfigured(configuration, vocabularies)
        for gateway in gateways { gateway.adopt(services) }
    }
}

/// The settings that a process cannot change while it runs: sockets that are bound, and what the
/// database was told of it.
struct FixedSettings {
    /// Each by its path, as it was understood.
    let values: [(path: String, value: String)]

    /// The settings that differ, in the words of a configuration's other faults.
    func faults(against other: FixedSettings) -> [String] {
        zip(values, other.values).compactMap { mine, theirs in
            mine.value == theirs.value
                ? nil : "\(mine.path): cannot change while Farebox runs; restart it"
        }
    }
}

extension ConfigurationFile {
    var fixed: FixedSettings {
        let limits = gateway.limits
        return FixedSettings(values: [
            ("listen", listen ?? ""), ("adminListen", adminListen ?? ""),
            ("ledger.sealMilliseconds", "\(sealInterval)"), ("ledger.standby", "\(standby)"),
            ("journal.sync", journalSync.rawValue),
            ("billing.closeAfterHours", billing.closeAfterHours.map { "\($0)" } ?? ""),
            ("billing.receipts", "\(billing.issuesReceipts)"),
            ("payments", payments.map { "\($0.hashValue)" } ?? ""),
            ("limits.bodyBytesMax", "\(limits.bodyBytesMax)"),
            ("limits.callDeadlineSeconds", "\(limits.callDeadline)"),
            ("limits.connectionsMax", "\(limits.connectionsMax)"),
            ("limits.leaseSeconds", "\(limits.leaseValidity)"),
            ("limits.leaseMarginSeconds", "\(limits.leaseMargin)"),
        ])
    }
}
