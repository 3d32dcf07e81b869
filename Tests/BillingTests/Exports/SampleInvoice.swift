import Schema

@testable import Billing

/// Documents whose figures agree with each other, as long as a test wants them.
enum SampleInvoice {
    static let projects = ["assistant", "客服机器人", "مساعد"]
    static let models = ["claude-sonnet-4-6", "gpt-5.4-mini"]
    private static let cent: Int128 = 10_000_000_000

    static func make(
        _ kind: DocumentKind = .invoice,
        repeated count: Int = 1,
        debts: [DocumentDebt] = [],
        tax: TaxCategory? = .standard,
        exemption: String? = nil
    ) -> InvoiceDocument {
        var lines = (0..<count).flatMap { Self.lines(round: $0) }
        if kind == .receipt { lines = [credit] }
        let credits = kind == .invoice ? [Self.promotion] : []
        let subtotal = lines.reduce(MinorUnits.zero) { $0 + $1.amount }
        let applied = credits.reduce(MinorUnits.zero) { $0 + $1.amount }
        let owed = debts.reduce(MinorUnits.zero) { $0 + $1.amount }
        let net = subtotal - applied + owed
        let taxes = tax.map { taxed($0, exemption, net) }
        let taxAmount = taxes?.amount ?? .zero
        var document = InvoiceDocument(
            kind: kind,
            account: "contoso",
            currency: .usd,
            timeZone: "Europe/Paris",
            issuer: issuer,
            customer: customer,
            totals: DocumentTotals(
                exact: lines.reduce(.zero) { $0 + $1.exact },
                subtotal: subtotal,
                creditsApplied: applied,
                debts: debts.isEmpty ? nil : owed,
                tax: taxAmount,
                due: kind == .invoice ? net + taxAmount : .zero
            )
        )
        document.lines = lines
        document.creditsApplied = credits
        if !debts.isEmpty { document.debts = debts }
        document.taxes = [taxes].compactMap(\.self)
        date(&document)
        return document
    }

    static let issuer: DocumentParty = {
        var party = DocumentParty(legalName: "Northwind Inference GmbH", address: ["Torstraße 1"])
        (party.city, party.postalCode, party.country) = ("Berlin", "10119", "DE")
        (party.taxIdentifier, party.email) = ("DE123456789", "billing@northwind.example")
        party.bankAccount = "DE02120300000000202051"
        return party
    }()

    static let customer: DocumentParty = {
        var party = DocumentParty(
            legalName: "Contoso Société & 株式会社 <Paris>",
            address: ["12 rue de la Paix", "Bâtiment C", "2e étage", "Porte 4"]
        )
        (party.city, party.postalCode, party.country) = ("Paris", "75002", "FR")
        party.taxIdentifier = "FR12345678901"
        return party
    }()

    static let seal = DocumentSeal(
        firstVersion: 44_118,
        lastVersion: 48_213,
        sha256: String(repeating: "0123456789abcdef", count: 4)
    )

    static func day(_ month: Int64, _ day: Int64) -> CalendarDate {
        CalendarDate(year: 2026, month: month, day: day) ?? CalendarDate(daysSince1970: 0)
    }

    // MARK: - Parts

    private static func date(_ document: inout InvoiceDocument) {
        document.number = "NW-2026-000123"
        document.issuedAt = Instant("2026-11-01T00:05:00Z")
        document.issueDate = day(11, 1)
        document.events = 48_200
        document.seals = [seal]
        if document.kind == .invoice { document.dueDate = day(12, 1) }
        if document.kind == .creditNote {
            document.reason = "Calls of 3 September failed"
            document.corrects = DocumentReference(
                number: "NW-2026-000099",
                kind: .invoice,
                issueDate: day(9, 1)
            )
        } else if document.kind != .receipt, let month = Month(year: 2026, number: 10) {
            document.period = DocumentPeriod(
                month: month,
                startsAt: Instant(microseconds: 0),
                endsAt: Instant(microseconds: 1),
                closingVersion: 48_213
            )
        }
    }

    private static func taxed(
        _ category: TaxCategory,
        _ exemption: String?,
        _ base: MinorUnits
    ) -> DocumentTax {
        let rate: Int64 = category == .standard ? 19_000 : 0
        return DocumentTax(
            category: category,
            rate: rate,
            exemptionReason: exemption,
            base: base,
            amount: MinorUnits((base.count * rate + 50_000) / 100_000)
        )
    }

    private static let promotion = DocumentCredit(
        grant: "g",
        kind: .promotional,
        reference: "WELCOME",
        exact: Pico(1_000 * cent),
        amount: MinorUnits(1_000)
    )

    static let chargeback = DocumentDebt(
        kind: "credit_charged_back",
        version: 7,
        grant: "g",
        reference: "pi_42",
        reason: "the card was stolen",
        exact: Pico(2_500 * cent),
        amount: MinorUnits(2_500)
    )

    private static let credit = DocumentLine(
        item: .credit,
        quantity: 1,
        exact: Pico(50_000 * cent),
        amount: MinorUnits(50_000)
    )

    private static func lines(round: Int) -> [DocumentLine] {
        var lines: [DocumentLine] = []
        for name in projects {
            let project = round == 0 ? name : "\(name)-\(round)"
            for model in models {
                for tokenClass in [TokenClass.input, .cacheRead, .output] {
                    let seed = Int64(round * 31 + lines.count)
                    lines.append(line(project, model, tokenClass, seed))
                }
            }
            lines.append(searches)
            lines[lines.count - 1].project = project
        }
        lines[0].serviceMonth = Month(year: 2026, number: 9)
        return lines
    }

    private static func line(
        _ project: String,
        _ model: String,
        _ tokenClass: TokenClass,
        _ seed: Int64
    ) -> DocumentLine {
        let quantity = 1_234_567 + seed * 7_919_111
        let unitPrice = Int128(150_000 + seed * 37_500)
        let exact = unitPrice * Int128(quantity)
        var line = DocumentLine(
            item: .tokens(tokenClass),
            quantity: quantity,
            exact: Pico(exact),
            amount: MinorUnits(Int64((exact + cent / 2) / cent))
        )
        (line.project, line.model, line.priceVersion) = (project, model, 7)
        line.unitPrice = Pico(unitPrice * 1_000_000)
        if tokenClass == .output { line.serviceTier = .priority }
        if tokenClass == .input { line.contextThreshold = 200_000 }
        return line
    }

    private static let searches: DocumentLine = {
        var line = DocumentLine(
            item: .fee(.webSearch),
            quantity: 12,
            exact: Pico(12 * cent),
            amount: MinorUnits(12)
        )
        (line.model, line.unitPrice) = (models[0], Pico(cent))
        return line
    }()
}
