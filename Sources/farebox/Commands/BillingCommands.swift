import Billing
import Foundation
import Ledger
import Schema

/// Who issues documents, whom they are for, and how they are taxed.
enum BillingCommands {
    private static let partyOptions: [Command.Option] = [
        .value("--name", "TEXT", "the legal name"),
        .value("--address", "TEXT", "street and number; lines are parted by semicolons"),
        .value("--postal-code", "TEXT", "the postal code"),
        .value("--city", "TEXT", "the city"),
        .value("--country", "CC", "two letters of ISO 3166"),
        .value("--tax-id", "ID", "the tax identifier, such as DE123456789"),
        .value("--email", "ADDRESS", "where documents go"),
    ]

    static let all = [
        Command(
            words: ["issuer", "create"],
            summary: "record who issues documents; again with other content is a new revision",
            arguments: ["SLUG"],
            options: partyOptions + [
                .value("--bank-account", "TEXT", "where payments go"),
                .value("--series", "TEXT", "what numbers begin with, such as INV"),
                .value(
                    "--logo",
                    "FILE",
                    "an SVG of filled paths or a PNG, for the head of documents"
                ),
                .value(
                    "--late-days",
                    "N",
                    "closed months charge no call from more than N days before their end"
                ),
                .database, .json,
            ],
            run: createIssuer
        ),
        Command(
            words: ["issuer", "list"],
            summary: "show who issues documents",
            options: [.database, .json],
            run: listIssuers
        ),
        Command(
            words: ["account", "billing"],
            summary: "record whom an account's documents are for",
            arguments: ["SLUG"],
            options: partyOptions + [
                .value("--terms-days", "N", "days until an invoice is due; 30 by default"),
                .value("--issuer", "SLUG", "who issues; the only one by default"),
                .database, .json,
            ],
            run: setProfile
        ),
        Command(
            words: ["tax", "set"],
            summary: "set how an account's documents are taxed",
            arguments: ["ACCOUNT"],
            options: [
                .value("--category", "S|Z|E|AE|K|G|O", "the code of EN 16931; S by default"),
                .value("--rate", "PERCENT", "such as 19 or 8.875"),
                .value("--reason", "TEXT", "why nothing is taxed"),
                .value("--from", "DATE", "from when on it holds; from now on by default"),
                .database, .json,
            ],
            run: setTax
        ),
        Command(
            words: ["tax", "list"],
            summary: "show how accounts are taxed",
            options: [.database, .json],
            run: listTaxes
        ),
    ]

    private static func party(
        _ invocation: Invocation,
        name defaultName: String?
    ) throws -> DocumentParty {
        guard let name = invocation["--name"] ?? defaultName, !name.isEmpty else {
            throw UsageError("--name is missing")
        }
        let lines = (invocation["--address"] ?? "").split(separator: ";").map {
            String($0.drop { $0 == " " })
        }
        var party = DocumentParty(legalName: name, address: lines)
        party.city = invocation["--city"]
        party.postalCode = invocation["--postal-code"]
        party.taxIdentifier = invocation["--tax-id"]
        party.email = invocation["--email"]
        if let country = invocation["--country"] {
            guard country.utf8.count == 2,
                country.utf8.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) })
            else { throw UsageError("--country is two upper-case letters, not \"\(country)\"") }
            party.country = country
        }
        return party
    }

    private static func createIssuer(_ invocation: Invocation) async throws -> CommandResult {
        var party = try party(invocation, name: nil)
        party.bankAccount = invocation["--bank-account"]
        var issuer = Issuer(
            slug: invocation.argument(0),
            series: invocation["--series"] ?? "INV",
            party: party
        )
        issuer.lateDays = try invocation.integer(option: "--late-days", in: 0...Issuer.lateDaysMax)
            .map { Int32($0) }
        issuer.logo = try invocation["--logo"].map(readLogo)
        let given = issuer
        return try await CommandDatabase.with(invocation) { database in
            let set = try await BillingParties(database).setIssuer(given, at: SystemClock.now())
            return CommandResult(
                text: "\(set.slug) issues documents \(set.series)-… as \(set.party.legalName).",
                json: .issuer(set)
            )
        }
    }

    /// Reads one byte more than a logo may have, so that the whole is judged and no more is read.
    private static func readLogo(_ path: String) throws -> Logo {
        guard let handle = FileHandle(forReadingAtPath: path),
            let data = try? handle.read(upToCount: Logo.bytesMax + 1)
        else { throw CommandFailure("\(path) cannot be read") }
        guard let logo = Logo(file: Array(data)) else {
            throw CommandFailure("\(path) is neither an SVG nor a PNG")
        }
        return logo
    }

    private static func listIssuers(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let issuers = try await BillingParties(database).issuers()
            var table = Table(.left("ISSUER"), .left("SERIES"), .left("NAME"), .left("TAX ID"))
            for issuer in issuers {
                table.rows.append([
                    issuer.slug, issuer.series, issuer.party.legalName,
                    issuer.party.taxIdentifier ?? "",
                ])
            }
            return CommandResult(
                text: table.text,
                json: .array(issuers.map(JSONNode.issuer))
            )
        }
    }

    private static func setProfile(_ invocation: Invocation) async throws -> CommandResult {
        let slug = invocation.argument(0)
        let terms = try invocation.integer(option: "--terms-days", in: 0...365) ?? 30
        return try await CommandDatabase.with(invocation) { database in
            let account = try await Accounts(database).show(slug)
            var party = try party(invocation, name: account.name)
            party.paymentTermsDays = Int32(terms)
            let profile = try await BillingParties(database).setProfile(
                party,
                issuer: invocation["--issuer"],
                of: slug,
                at: SystemClock.now()
            )
            return CommandResult(
                text: "Documents of \(slug) are for \(profile.party.legalName), by"
                    + " \(profile.issuer).",
                json: .object(
                    [("account", .text(slug)), ("issuer", .text(profile.issuer))]
                        + JSONNode.party(profile.party)
                )
            )
        }
    }

    private static func setTax(_ invocation: Invocation) async throws -> CommandResult {
        let name = invocation["--category"] ?? "S"
        guard let category = TaxCategory(rawValue: name) else {
            throw UsageError("--category is S, Z, E, AE, K, G or O, not \"\(name)\"")
        }
        // A percent has 10¹² pico; a thousandth of it is the unit of rates.
        let percent = try invocation.amount(option: "--rate") ?? .zero
        let (rate, rest) = percent.units.quotientAndRemainder(dividingBy: 1_000_000_000)
        guard rest == 0, (0...100_000).contains(rate) else {
            throw UsageError("--rate is a percentage from 0 to 100 with at most three decimals")
        }
        let rule = TaxRule(
            category: category,
            rate: Int64(rate),
            reason: invocation["--reason"],
            effectiveAt: try invocation.instant(option: "--from")
        )
        return try await CommandDatabase.with(invocation) { database in
            let slug = invocation.argument(0)
            let set = try await BillingParties(database)
                .setTax(rule, of: slug, at: SystemClock.now())
            return CommandResult(
                text: "Documents of \(slug) are taxed as \(set.category.rawValue),"
                    + " \(set.percent) %.",
                json: .tax(slug, set)
            )
        }
    }

    private static func listTaxes(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let taxes = try await BillingParties(database).taxes()
            var table = Table(
                .left("ACCOUNT"),
                .left("CATEGORY"),
                .right("RATE %"),
                .left("FROM")
            )
            for (account, rule) in taxes {
                table.rows.append([
                    account, rule.category.rawValue, rule.percent,
                    rule.effectiveAt?.description ?? "",
                ])
            }
            return CommandResult(
                text: table.text,
                json: .array(taxes.map { JSONNode.tax($0.account, $0.rule) })
            )
        }
    }
}

extension TaxRule {
    /// `8.875`.
    fileprivate var percent: String { Pico(Int128(rate) * 1_000_000_000).description }
}

extension JSONNode {
    fileprivate static func party(_ party: DocumentParty) -> [(String, JSONNode)] {
        [
            ("name", .text(party.legalName)),
            ("address", .array(party.address.map(JSONNode.text))),
            ("postal_code", .optional(party.postalCode)), ("city", .optional(party.city)),
            ("country", .optional(party.country)), ("tax_id", .optional(party.taxIdentifier)),
            ("email", .optional(party.email)),
            ("terms_days", party.paymentTermsDays.map { .integer(Int64($0)) } ?? .null),
        ]
    }

    fileprivate static func issuer(_ issuer: Issuer) -> JSONNode {
        .object(
            [
                ("slug", .text(issuer.slug)), ("series", .text(issuer.series)),
                ("revision", .integer(issuer.revision)),
                ("late_days", issuer.lateDays.map { .integer(Int64($0)) } ?? .null),
                ("has_logo", .flag(issuer.logo != nil)),
            ] + party(issuer.party)
        )
    }

    fileprivate static func tax(_ account: String, _ rule: TaxRule) -> JSONNode {
        .object([
            ("account", .text(account)), ("category", .text(rule.category.rawValue)),
            ("rate", .text(rule.percent)), ("reason", .optional(rule.reason)),
            ("from", .optional(rule.effectiveAt?.description)),
        ])
    }
}
