import Billing
import Ingress
import Payments
import Schema

/// `farebox check-config`: what `serve` would say of a configuration file.
enum CheckConfigurationCommand {
    static let all = [
        Command(
            words: ["check-config"],
            summary: "validate a configuration file and name every fault with its path",
            options: [
                .value("--config", "FILE", "the file instead of FAREBOX_CONFIG"), .json,
            ],
            run: run
        )
    ]

    /// What documents a Farebox with these settings finalizes by itself, for they are for good.
    private static func billing(_ settings: BillingSchedule.Settings) -> String {
        var text = ""
        if let hours = settings.closeAfterHours {
            text += " It closes months \(hours) hours after their end."
        }
        if settings.issuesReceipts { text += " It issues receipts of paid grants." }
        return text
    }

    private static func payments(_ settings: PaymentSettings?) -> String {
        guard let settings else { return "" }
        let codes = settings.amounts.keys.map(\.code).sorted().joined(separator: ", ")
        return " Credit in \(codes) is sold with \(settings.provider.rawValue)."
    }

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        guard let path = invocation["--config"] ?? Settings.current.configurationPath else {
            throw UsageError("set FAREBOX_CONFIG or give --config FILE")
        }
        do throws(ConfigurationFile.Faults) {
            let file = try ConfigurationFile.read(
                path: path,
                environment: Settings.current.environment
            )
            let gateway = file.gateway
            let (upstreams, models) = (gateway.upstreams.count, gateway.models.models.count)
            return CommandResult(
                text: "\(path) is fine: \(upstreams) upstreams, \(models) models."
                    + billing(file.billing) + payments(file.payments),
                json: .object([("ok", .flag(true)), ("faults", .array([]))])
            )
        } catch {
            complain(error.description)
            let faults = error.faults.map(JSONNode.text)
            return CommandResult(
                text: "",
                json: .object([("ok", .flag(false)), ("faults", .array(faults))]),
                exitCode: 1
            )
        }
    }
}
