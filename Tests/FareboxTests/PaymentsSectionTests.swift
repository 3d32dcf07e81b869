import Foundation
import Payments
import Schema
import Testing

@testable import farebox

@Suite struct PaymentsSectionTests {
    private static let whole = [
        "provider": "'stripe'", "secretKey": "{env: 'KEY'}", "webhookSecrets": "[{env: 'HOOK'}]",
        "amounts": "{USD: {min: '5', max: '1000'}, JPY: {min: '500', max: '100000'}}",
        "successURL": "'https://x/returned/{account}/{top_up}'", "cancelURL": "'https://x/'",
    ]

    private func read(_ fields: [String: String]) throws -> (PaymentSettings?, [String]) {
        let reader = ConfigurationReader()
        let members = fields.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
        let tree = try JSONTree.reading(Data("{payments: {\(members)}}".utf8))
        let environment = ["KEY": "sk-hush", "HOOK": "whsec-hush"]
        let file = ConfigurationFile(tree, reader, environment)
        return (file.payments, reader.faults)
    }

    @Test func `a whole section is read`() throws {
        let (settings, faults) = try read(Self.whole)
        #expect(faults == [])
        #expect(settings?.secretKey.exposed == "sk-hush")
        #expect(settings?.webhookSecrets.map(\.exposed) == ["whsec-hush"])
        #expect(settings?.amounts[.usd]?.most == Pico("1000"))
        #expect(settings?.baseURL == "https://api.stripe.com")
        #expect(settings?.pageOrigin == "https://checkout.stripe.com")
    }

    @Test func `pages are where the API is, unless it is Stripe's own or said otherwise`() throws {
        var fields = Self.whole
        fields["baseURL"] = "'http://localhost:8420/'"
        #expect(try read(fields).0?.baseURL == "http://localhost:8420")
        #expect(try read(fields).0?.pageOrigin == "http://localhost:8420")
        fields["pageOrigin"] = "'https://pay.example.com'"
        #expect(try read(fields).0?.pageOrigin == "https://pay.example.com")
    }

    @Test(arguments: Self.whole.keys.sorted())
    func `a section that is half set is refused`(missing: String) throws {
        var fields = Self.whole
        fields[missing] = nil
        let (settings, faults) = try read(fields)
        #expect(faults.count == 1, "\(faults)")
        #expect(faults.first?.hasPrefix("payments.\(missing):") == true)
        #expect(settings == nil || ["webhookSecrets", "amounts"].contains(missing))
    }

    @Test(arguments: [
        ("provider", "'paypal'", "provider"), ("secretKey", "'sk-hush'", "secretKey"),
        ("secretKey", "{env: 'NONE'}", "secretKey.env"), ("webhookSecrets", "[]", "webhookSecrets"),
        ("webhookSecrets", "['whsec-hush']", "webhookSecrets[0]"),
        ("amounts", "{usd: {min: '5', max: '9'}}", "amounts.usd"),
        ("amounts", "{XAU: {min: '5', max: '9'}}", "amounts.XAU"),
        ("amounts", "{USD: {min: '5'}}", "amounts.USD.max"),
        ("amounts", "{USD: {min: '5', max: '4'}}", "amounts.USD.max"),
        ("amounts", "{USD: {min: '0', max: '4'}}", "amounts.USD.min"),
        ("amounts", "{USD: {min: '0.001', max: '4'}}", "amounts.USD.min"),
        ("amounts", "{JPY: {min: '0.5', max: '4'}}", "amounts.JPY.min"),
        ("amounts", "{USD: {min: '5', max: '9999999'}}", "amounts.USD.max"),
        ("successURL", "'/returned'", "successURL"),
        ("successURL", "'https://x/{key}'", "successURL"), ("cancelURL", "'ftp://x/'", "cancelURL"),
        ("baseURL", "'https://x/v1'", "baseURL"), ("pageOrigin", "'https://x; y'", "pageOrigin"),
        ("currency", "'USD'", "currency"),
    ])
    func `a fault is named by its path, and never with a secret`(
        name: String,
        value: String,
        path: String
    ) throws {
        var fields = Self.whole
        fields[name] = value
        let (_, faults) = try read(fields)
        #expect(faults.contains { $0.hasPrefix("payments.\(path):") }, "\(faults)")
        #expect(!faults.joined().contains("hush"))
    }
}
