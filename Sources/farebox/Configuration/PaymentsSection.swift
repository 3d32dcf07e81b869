import Billing
import Foundation
import Payments
import Schema

/// The `payments` of a configuration file: whole, or not there.
struct PaymentsSection {
    private static let known: Set = [
        "provider", "secretKey", "webhookSecrets", "amounts", "successURL", "cancelURL", "baseURL",
        "pageOrigin",
    ]
    private static let secretsMax = 4

    private let reader: ConfigurationReader
    private let secrets: SecretReader

    init(_ reader: ConfigurationReader, _ environment: [String: String]) {
        self.reader = reader
        secrets = SecretReader(reader, environment)
    }

    func read(_ tree: JSONTree?) -> PaymentSettings? {
        guard let tree else { return nil }
        let path = "payments"
        let fields = reader.object(tree, at: path, known: Self.known)
        if fields["provider"] == nil { reader.fault("\(path).provider", "is missing") }
        let provider = reader.choice(
            fields["provider"],
            at: "\(path).provider",
            of: PaymentSettings.Provider.self
        )
        if fields["secretKey"] == nil { reader.fault("\(path).secretKey", "is missing") }
        let secretKey = fields["secretKey"].flatMap { secrets.read($0, at: "\(path).secretKey") }
        let webhookSecrets = webhookSecrets(fields["webhookSecrets"], at: "\(path).webhookSecrets")
        let amounts = amounts(fields["amounts"], at: "\(path).amounts")
        let success = returnURL(fields["successURL"], at: "\(path).successURL")
        let cancel = returnURL(fields["cancelURL"], at: "\(path).cancelURL")
        let base = fields["baseURL"].flatMap { origin($0, at: "\(path).baseURL") }
        let pages = fields["pageOrigin"].flatMap { origin($0, at: "\(path).pageOrigin") }
        guard let provider, let secretKey, let success, let cancel else { return nil }
        return PaymentSettings(
            provider: provider,
            baseURL: base ?? PaymentSettings.stripeURL,
            pageOrigin: pages ?? base ?? PaymentSettings.stripePageOrigin,
            secretKey: secretKey,
            webhookSecrets: webhookSecrets,
            amounts: amounts,
            paidURL: success,
            leftURL: cancel
        )
    }

    private func webhookSecrets(_ tree: JSONTree?, at path: String) -> [Secret] {
        let list = reader.list(tree, at: path)
        if !(1...Self.secretsMax).contains(list.count) {
            reader.fault(path, "must be one secret, or a few while it is changed")
        }
        return list.enumerated().compactMap { secrets.read($1, at: "\(path)[\($0)]") }
    }

    private func amounts(
        _ tree: JSONTree?,
        at path: String
    ) -> [Currency: PaymentSettings.Bounds] {
        let entries = reader.entries(tree, at: path).sorted { $0.key < $1.key }
        if entries.isEmpty { reader.fault(path, "must name a currency at least") }
        var amounts: [Currency: PaymentSettings.Bounds] = [:]
        for (code, entry) in entries {
            let path = "\(path).\(code)"
            guard let currency = Currency(code), currency.isCurrent else {
                reader.fault(path, "is not a currency such as USD")
                continue
            }
            let fields = reader.object(entry, at: path, known: ["min", "max"])
            let least = amount(fields["min"], currency, at: "\(path).min")
            let most = amount(fields["max"], currency, at: "\(path).max")
            guard let least, let most else { continue }
            if most < least { reader.fault("\(path).max", "must not be less than min") }
            amounts[currency] = PaymentSettings.Bounds(least: least, most: most)
        }
        return amounts
    }

    private func amount(_ tree: JSONTree?, _ currency: Currency, at path: String) -> Pico? {
        guard let text = reader.requiredText(tree, at: path) else { return nil }
        guard let amount = Pico(text), amount > .zero, amount <= PaymentSettings.amountMax,
            currency.exactly(amount) != nil
        else {
            reader.fault(path, "must be an amount such as \"25\", in whole units of the currency")
            return nil
        }
        return amount
    }

    private func returnURL(_ tree: JSONTree?, at path: String) -> String? {
        guard let text = reader.requiredText(tree, at: path) else { return nil }
        let filled = text.replacing("{account}", with: "a").replacing("{top_up}", with: "t")
        guard let url = URL(string: filled), url.scheme == "http" || url.scheme == "https",
            let host = url.host(), !host.isEmpty, url.user == nil, !filled.contains("{"),
            filled.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else {
            reader.fault(path, "must be an http or https URL; {account} and {top_up} are filled in")
            return nil
        }
        return text
    }

    /// A scheme, a host and perhaps a port.
    private func origin(_ tree: JSONTree, at path: String) -> String? {
        guard let text = reader.text(tree, at: path) else { return nil }
        let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
        guard let url = URL(string: trimmed), url.scheme == "http" || url.scheme == "https",
            let host = url.host(), !host.isEmpty, url.user == nil, url.query == nil,
            url.fragment == nil, url.path().isEmpty,
            trimmed.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: ";") })
        else {
            reader.fault(path, "must be an http or https URL without a path")
            return nil
        }
        return trimmed
    }
}
