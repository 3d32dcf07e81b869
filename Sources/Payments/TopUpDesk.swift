import Billing
import Ledger
import Postgres
import Schema

/// Where accounts buy credit: between the ledger, which decides, and the provider, which is paid.
package struct TopUpDesk: Sendable {
    /// For how long somebody who waits for the page is kept waiting by a provider that fails.
    private static let patience = Duration.seconds(5)

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
    /// The ledger knows of it before the provider does, so no notice can come too early. Two who
    /// start with one key at the same time, as a double click does, get the same page.
    ///
    /// - Throws: `LedgerError` for an amount or account that cannot be; `PaymentError` when the
    ///   provider makes no page, also not when it is asked again: nothing is owed then, and the same
    ///   key tries again.
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
        guard Self.isWaiting(opened) else { return opened }
        return try await openPage(of: opened)
    }

    private static func isWaiting(_ topUp: TopUp) -> Bool {
        topUp.page == nil && topUp.status == .pending
    }

    /// Asks the provider for the page until it makes one, within bounds.
    private func openPage(of opened: TopUp) async throws -> TopUp {
        let order = order(for: opened)
        var (retry, known) = (PageRetry(until: .now + Self.patience), opened)
        while Self.isWaiting(known) {
            switch await page(order, attempt: retry.attempt) {
            case .success(let page): return try await topUps.attach(page, to: opened)
            case .failure(let error):
                guard let pause = retry.pause(after: error, at: .now) else {
                    try await topUps.noteFailure(of: opened, at: now())
                    throw error
                }
                try await Task.sleep(for: pause)
            }
            // Another request for the same may have its page meanwhile.
            known = try await topUps.show(opened.id)
        }
        return known
    }

    private func page(
        _ order: PaymentOrder,
        attempt: Int
    ) async -> Result<TopUp.Page, PaymentError> {
        do throws(PaymentError) {
            return .success(try await provider.open(order, attempt: attempt))
        } catch {
            return .failure(error)
        }
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
        case .changed(let payment): return try await ask(aboutPayment: payment)
        case .expired(let reference, let page): return try await end(reference, page)
        }
    }

    private func end(
        _ reference: TopUpReference,
        _ page: String
    ) async throws(LedgerError) -> PaymentEffect {
        let known = try await topUps.find(reference)
        guard let known, known.provider == provider.name else { return .unknown }
        // A page that the provider made and failed to tell of was shown to nobody.
        guard known.page == nil || known.page?.id == page, known.status == .pending else {
            return .unchanged(known)
        }
        return .done(try await topUps.end(known, at: now()))
    }

    private func ask(aboutPayment id: String) async throws(LedgerError) -> PaymentEffect {
        guard let known = try await topUps.paid(id, by: provider.name) else { return .unknown }
        let standing: PaymentStanding
        do throws(PaymentError) {
            standing = try await provider.payment(known.payment ?? id)
        } catch {
            throw LedgerError(
                .unavailable,
                "the payment provider cannot be asked",
                cause: "\(error)"
            )
        }
        return try await topUps.apply(standing, at: now())
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
