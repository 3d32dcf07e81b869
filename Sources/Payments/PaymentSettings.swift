import Schema

/// How credit can be bought.
package struct PaymentSettings: Hashable, Sendable {
    package enum Provider: String, CaseIterable, Sendable {
        case stripe
    }

    /// The least and the most that is bought at once, in whole minor units.
    package struct Bounds: Hashable, Sendable {
        package let least: Pico
        package let most: Pico

        package init(least: Pico, most: Pico) {
            self.least = least
            self.most = most
        }
    }

    package var provider: Provider
    package var baseURL: String
    /// The scheme, host and port of the pages where people pay.
    package var pageOrigin: String
    package var secretKey: Secret
    /// One, or while it is changed the next one beside it.
    package var webhookSecrets: [Secret]
    /// By currency: accounts in others cannot buy.
    package var amounts: [Currency: Bounds]
    /// Where the page leads; `{account}` and `{top_up}` stand for what they say.
    package var paidURL: String
    package var leftURL: String

    package static let stripeURL = "https://api.stripe.com"
    package static let stripePageOrigin = "https://checkout.stripe.com"
    /// The largest amount that a configuration may allow.
    package static let amountMax = Pico(1_000_000_000_000_000_000)

    package init(
        provider: Provider,
        baseURL: String = stripeURL,
        pageOrigin: String = stripePageOrigin,
        secretKey: Secret,
        webhookSecrets: [Secret],
        amounts: [Currency: Bounds],
        paidURL: String,
        leftURL: String
    ) {
        self.provider = provider
        self.baseURL = baseURL
        self.pageOrigin = pageOrigin
        self.secretKey = secretKey
        self.webhookSecrets = webhookSecrets
        self.amounts = amounts
        self.paidURL = paidURL
        self.leftURL = leftURL
    }
}
