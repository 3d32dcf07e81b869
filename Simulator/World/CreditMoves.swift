import Ledger
import LedgerModel
import Schema

/// What operators and time do to an account's credit.
extension World {
    func perform(_ move: CreditMove) {
        if case .settleDue = move { return settleDue() }
        disturbedAt = now
        switch move {
        case .grant(let index, let amount):
            append(.creditGranted(grant(amount)), to: index)
        case .adjust(let index, let amount):
            let adjustment = CreditAdjusted(amount: Pico(amount), reason: "chargeback")
            append(.creditAdjusted(adjustment), to: index)
        case .limit(let index, let limit):
            append(.creditLimitSet(CreditLimitSet(limit: Pico(limit))), to: index)
        case .grantEnding(let index, let amount, let lasting):
            grant(amount, lasting: lasting, to: index)
        case .void(let index): void(index)
        case .settleDue: break
        case .limitSpending(let index): limitSpending(index)
        case .closeMonth(let index): closeMonth(index)
        case .suspend(let index, let begins):
            note("account \(index): \(begins ? "suspended" : "active again")")
            database.setSuspended(begins, accounts[index])
            guard begins else { return }
            agenda.add(
                .credit(.suspend(accountIndex: index, false)),
                at: after(.seconds(3))
            )
        }
    }

    func grant(_ amount: Int128) -> CreditGranted {
        CreditGranted(grant: makeID(), kind: .paid, amount: Pico(amount), reference: nil)
    }

    /// Appends what an operator's command appends.
    func append(_ body: EventBody, to index: Int) {
        note("account \(index): \(body)")
        database.now = serverClock
        let event = Event(
            account: accounts[index],
            id: makeID(),
            occurredAt: database.now,
            body: body
        )
        commands.insert(event.id)
        do throws(LedgerError) {
            _ = try database.append([event])
        } catch {
            fail("a command is refused: \(error)")
        }
    }

    // MARK: Grants that end

    private func grant(_ amount: Int128, lasting: Moment, to index: Int) {
        database.now = serverClock
        let end = Instant(microseconds: serverClock.microseconds + lasting)
        let grant = CreditGranted(
            grant: makeID(),
            kind: .promotional,
            amount: Pico(amount),
            reference: nil,
            expiresAt: end
        )
        note("account \(index): granted \(grant.amount) until \(end)")
        let event: EventID = makeID()
        commands.insert(event)
        command { database throws(LedgerError) in
            try database.grant(grant, to: accounts[index], event: event, at: database.now)
        }
    }

    private func void(_ index: Int) {
        database.now = serverClock
        let grants = (database.accounts[accounts[index]]?.grants.keys.sorted() ?? [])
            .filter { database.burnDown(of: accounts[index]).rest(of: $0) > .zero }
        guard !grants.isEmpty else { return }
        let grant = grants[dice.number(0...(grants.count - 1))]
        note("account \(index): \(grant) is voided")
        withdraw(index) { database throws(LedgerError) in
            try database.void(grant, of: accounts[index], at: database.now) { makeID() }
        }
    }

    /// What a runner of any instance does every so often.
    private func settleDue() {
        agenda.add(.credit(.settleDue), at: after(.seconds(1)))
        guard !isAway, mutation != .neverWithdraws else { return }
        database.now = serverClock
        for index in accounts.indices {
            withdraw(index) { database throws(LedgerError) in
                try database.settleDue(accounts[index], at: database.now) { makeID() }.events
            }
        }
    }

    /// Withdraws, and breaks what a mutation says.
    private func withdraw(
        _ index: Int,
        _ body: (inout ModelDatabase) throws(LedgerError) -> [Event]
    ) {
        let account = accounts[index]
        let (escrowed, reserved) = (head(index).escrowed, head(index).reserved)
        if mutation == .withdrawsWhatIsHeld { database.tamper(account) { $0.escrowed = .zero } }
        let events = command(body) ?? []
        if mutation == .withdrawsWhatIsHeld { database.tamper(account) { $0.escrowed = escrowed } }
        if mutation == .leasesWhatIsKept { database.tamper(account) { $0.reserved = reserved } }
        guard !events.isEmpty else { return }
        disturbedAt = now
        for event in events {
            note("account \(index): \(event.body)")
            commands.insert(event.id)
        }
    }

    @discardableResult
    private func command<Value>(
        _ body: (inout ModelDatabase) throws(LedgerError) -> Value
    ) -> Value? {
        switch attempt(body) {
        case .success(let value): return value
        case .failure(let error):
            fail("a command is refused: \(error)")
            return nil
        }
    }

    // MARK: Months

    /// Closes a month that ends now: calls of long before are no longer charged behind it.
    ///
    /// A little more than a call takes to be shipped, or nothing, which many calls are late for.
    private func closeMonth(_ index: Int) {
        let window: Moment = dice.chance(50) ? 0 : dice.delay(upTo: .seconds(2))
        let end = serverClock
        let closed = PeriodClosed(
            month: .first,
            endsAt: end,
            chargedFrom: Instant(microseconds: end.microseconds - window)
        )
        append(.periodClosed(closed), to: index)
    }

    // MARK: Caps

    /// Raises or lowers the limits of one cap; processes learn of it a little later.
    private func limitSpending(_ index: Int) {
        let scope = plan.caps[dice.number(0...(plan.caps.count - 1))].scope
        var limits = Plan.limits(&dice)
        if limits == .none, !plan.liftsCaps { limits.total = Pico(Self.unit * 60) }
        note("account \(index): \(scope) is limited to \(limits)")
        var changes = SpendLimitChanges()
        for period in CapPeriod.allCases { changes.limits[period] = .some(limits[period]) }
        database.limit(scope, of: accounts[index], changes)
        for process in processes { schedule(.learnLimits, on: process, within: .seconds(1)) }
    }
}
