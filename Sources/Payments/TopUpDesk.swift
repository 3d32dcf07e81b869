import Billing
import Ledger
import Postgres
import Schema

/// Where accounts buy credit: between the ledger, which decides, and the provider, which is paid.
package struct TopUpDesk: Sendable {
    package let provider: any PaymentProvider
    private let settings: PaymentSettings
    private let topUps: TopUps
    private let database: Database
    private let now: @Sendable () -> Instant

    package init(
        _ database: Database,
        provider: any PaymentProvider,
        settings: PaymentSettings,
        now: @escaping @Sendable () -> Instant
    ) {
        self.provider = provider
        self.settings = settings
        self.database = database
        self.now = now
        topUps = TopUps(database)
    }

    /// What an account in a currency may buy at once; nil for nothing.
    package func bounds(in currency: Currency) -> PaymentSettings.Bounds? {
        settings.amounts[currency]
    }

    /// Opens a page on which an amount of credit is paid, with its tax; once for each idempotency
    /// key.
    ///
    /// The ledger knows of it before the provider does, so no notice can come too early.
    ///
    /// - Throws: `LedgerError` for an amount or account that cannot be; `PaymentError` when the
    ///   provider makes no page: nothing is owed then, and the same key tries again.
    package func start(
        _ amount: Pico,
        for slug: String,
        idempotencyKey: String? = nil
    ) async throws -> TopUp {
        let account = try await Accounts(database).show(slug)
        try require(amount, in: account.currency)
        let tax = try await TaxRule.tax(on: amount, of: account, at: now(), in: database)
        let opened = try await topUps.open(
            TopUps.Order(account: slug, amount: amount, tax: tax, provider: provider.name),
            at: now(),
            idempotencyKey: idempotencyKey
        )
        guard opened.page == nil, opened.status == .pending else { return opened }
        return try await topUps.attach(provider.open(order(for: opened)), to: opened)
    }

    private func require(_ amount: Pico, in currency: Currency) throws(LedgerError) {
        guard let bounds = bounds(in: currency) else {
            throw LedgerError(.refused, "credit in \(currency) is not for sale here")
        }
        guard bounds.least <= amount, amount <= bounds.most else {
            throw LedgerError(
                .invalid,
                "the amount must be from \(currency.text(bounds.least)) to"
                    + " \(currency.text(bounds.most))"
            )
        }
        guard currency.exactly(amount) != nil else {
            throw LedgerError(
                .invalid,
                "the amount must be in whole units of \(currency.text(currency.minorUnit))"
            )
        }
    }

    private func order(for topUp: TopUp) -> PaymentOrder {
        func url(_ pattern: String) -> String {
            pattern.replacing("{account}", with: topUp.slug)
                .replacing("{top_up}", with: topUp.id.description)
        }
        return PaymentOrder(
            reference: TopUpReference(account: topUp.account, topUp: topUp.id),
            total: topUp.total,
            currency: topUp.currency,
            title: "Prepaid credit for \(topUp.slug)",
            expiresAt: topUp.expiresAt,
            paidURL: url(settings.paidURL),
            leftURL: url(settings.leftURL)
        )
    }

    // MARK: What the provider says

    /// Does what a notice tells.
    package func take(_ notice: PaymentNotice) async throws(LedgerError) -> PaymentEffect {
        let act = Act(actor: "the payment provider \(provider.name)", name: "topup settle")
        do {
            return try await Act.$current.withValue(act) { try await perform(notice) }
        } catch {
            throw LedgerError(wrapping: error)
        }
    }

    private func perform(_ notice: PaymentNotice) async throws(LedgerError) -> PaymentEffect {
        switch notice {
        case .paid(let payment): return try await topUps.settle(payment, at: now())
        case .standing(let standing): return try await topUps.apply(standing, at: now())
        case .expired(let reference, let page): return try await end(reference, page)
        }
    }

    private func end(
        _ reference: TopUpReference,
        _ page: String
    ) async throws(LedgerError) -> PaymentEffect {
        let known = try await topUps.find(reference)
        guard let known, known.provider == provider.name else { return .unknown }
        guard known.page == nil || known.page?.id == page else {
            return .refused("the page \(page) is not the one of the top-up \(known.id)")
        }
        guard known.status == .pending else { return .unchanged(known) }
        return .done(try await topUps.end(known, at: now()))
    }

    /// Asks the provider what became of a top-up, as if it had just told.
    package func ask(about topUp: TopUp) async throws -> PaymentEffect {
        if let payment = topUp.payment {
            return try await take(.standing(provider.payment(payment)))
        }
        let reference = TopUpReference(account: topUp.account, topUp: topUp.id)
        guard let page = topUp.page else {
            // Nobody was shown a page, so nobody can have paid.
            guard topUp.expiresAt <= now() else { return .unchanged(topUp) }
            return try await take(.expired(reference, page: ""))
        }
        switch try await provider.page(page.id) {
        case .open: return .unchanged(topUp)
        case .paid(let payment): return try await take(.paid(payment))
        case .expired: return try await take(.expired(reference, page: page.id))
        }
    }
}
