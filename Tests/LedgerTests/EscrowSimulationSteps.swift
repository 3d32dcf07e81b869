import Ledger
import Schema

extension EscrowSimulation {
    /// Runs arrivals and faults for a while, then lets everything end, and looks at what is left.
    mutating func run(for duration: Duration, arrivals: Int) {
        for _ in 0..<arrivals {
            schedule(.arrive(Int.random(in: 0..<instances.count, using: &random)), within: duration)
        }
        if faults.hasOutages {
            schedule(.outage(true), within: duration)
        }
        if faults.closesLeases, chance(30) { schedule(.close, within: duration) }
        if faults.movesCredit {
            if chance(50) { schedule(.grant, within: duration) }
            if chance(20) { schedule(.chargeBack, within: duration) }
            if chance(20) { schedule(.suspend(true), within: duration) }
        }
        // Calls run 2 s, events are appended and confirmed within 6 s more with the database
        // away, idle credit goes back within 10 s.
        let end = start + duration + .seconds(25)
        while let (moment, step) = steps.removeFirst() {
            now = max(now, moment)
            if now > end { break }
            perform(step)
            check()
            if !failures.isEmpty { return }
        }
        checkEnd()
    }

    private mutating func perform(_ step: Step) {
        switch step {
        case .arrive(let number): arrive(number)
        case .tick(let number):
            guard let wake = instances[number].wake, wake <= now else { return }
            instances[number].wake = nil
            drive(number) { $0.tick(now: $1, tenure: $2) }
        case .sweep(let number):
            drive(number) { $0.sweep(now: $1, tenure: $2) }
            steps.insert(.sweep(number), at: now + .seconds(1))
        case .renew(let number): renew(number)
        case .acquireArrives(let number, let request, let isDouble):
            acquireArrives(number, request, isDouble: isDouble)
        case .acquired(let number, let request, let result):
            drive(number) { $0.completed(request, result, now: $1, tenure: $2) }
        case .giveBackArrives(let number, let request, let isDouble):
            giveBackArrives(number, request, isDouble: isDouble)
        case .gaveBack(let number, let request, let result):
            drive(number) { $0.completed(request, result, now: $1, tenure: $2) }
        case .recalled(let number):
            drive(number) { $0.recalled(now: $1, tenure: $2) }
        case .end(let number, let hold): end(number, hold)
        case .cancel(let number, let waiter):
            drive(number) { $0.cancel(waiter, now: $1, tenure: $2) ?? [] }
        case .append(let number, let event, let hold, let charge):
            append(number, event, hold, charge)
        case .confirm(let number, _, let hold, let charge):
            guard let lease = hold.lease else { return }
            drive(number) { $0.shipped(charge, of: lease, now: $1, tenure: $2) }
        case .outage(let begins):
            isAway = begins
            if begins { schedule(.outage(false), within: .seconds(5)) }
        case .close:
            if let open = model.leases.first(where: \.value.isOpen)?.key { model.close(open) }
        case .grant: model.grant(Pico(unit.units * 50))
        case .chargeBack: model.chargeBack(Pico(unit.units * 60))
        case .suspend(let begins):
            model.setSuspended(begins)
            if begins { schedule(.suspend(false), within: .seconds(2)) }
        }
    }

    // MARK: Calls

    private mutating func arrive(_ number: Int) {
        let want = Pico(unit.units * Int128(Int.random(in: 1...20, using: &random)))
        let least = chance(50) ? want : Pico(max(want.units / 4, 1))
        if let hold = instances[number].book.tryHold(
            want,
            now: now,
            tenure: instances[number].tenure
        ) {
            admit(number, hold, want: want, least: want)
            if instances[number].book.wantsMore(now: now) {
                drive(number) { $0.tick(now: $1, tenure: $2) }
            }
            return
        }
        waiters += 1
        let (waiter, deadline) = (waiters, now + .seconds(2))
        waits[waiter] = Wait(
            instance: number,
            least: least,
            deadline: deadline,
            coverableMin: coverable(number),
            wasSuspended: model.head.isSuspended
        )
        if chance(5) { schedule(.cancel(number, waiter), within: .seconds(1)) }
        drive(number) { book, now, tenure in
            book.wait(
                waiter,
                want: want,
                least: least,
                deadline: deadline,
                now: now,
                tenure: tenure
            )
        }
    }

    private mutating func admit(_ number: Int, _ hold: EscrowHold, want: Pico, least: Pico) {
        admitted += 1
        if let lease = hold.lease, released.contains(lease) { fail("admitted on a released lease") }
        if hold.amount > want || hold.amount < least { fail("a hold of \(hold.amount)") }
        schedule(.end(number, hold), within: .seconds(2))
    }

    private mutating func end(_ number: Int, _ hold: EscrowHold) {
        if chance(10),
            let grown = instances[number].book.tryGrow(
                hold,
                to: Pico(hold.amount.units * 2),
                now: now,
                tenure: instances[number].tenure
            )
        {
            schedule(.end(number, grown), within: .seconds(1))
            return
        }
        let share = Int128(Int.random(in: 0...4, using: &random))
        let charge = Pico(hold.amount.units * share / 4)
        instances[number].unappended += charge
        events += 1
        schedule(.append(number, event: events, hold, charge), within: .milliseconds(50))
        drive(number) { $0.settle(hold, charge: charge, now: $1, tenure: $2) }
        // A second end changes nothing.
        if chance(5) { drive(number) { $0.settle(hold, charge: charge, now: $1, tenure: $2) } }
    }

    /// The append is repeated until it is confirmed, and is applied once.
    private mutating func append(_ number: Int, _ event: Int, _ hold: EscrowHold, _ charge: Pico) {
        let again = Step.append(number, event: event, hold, charge)
        if isAway { return schedule(again, within: .milliseconds(500)) }
        let version = model.head.version
        if let lease = hold.lease { model.append(event, charge: charge, of: lease) }
        if model.head.version > version { instances[number].unappended -= charge }
        if faults.losesMessages, chance(5) { return schedule(again, within: .milliseconds(200)) }
        schedule(.confirm(number, event: event, hold, charge), within: .milliseconds(50))
    }

    // MARK: Operations

    private mutating func acquireArrives(
        _ number: Int,
        _ request: AcquireRequest,
        isDouble: Bool
    ) {
        let result: Result<AcquireReply, LedgerError>
        if isAway || losesRequest() {
            result = .failure(LedgerError(.unavailable, "away"))
        } else {
            do throws(LedgerError) {
                result = .success(try model.acquire(request))
            } catch {
                // Of a request that a double has overtaken, nobody waits for the answer.
                if !isOld(request.opSequence, of: request.lease) { fail("acquire: \(error)") }
                result = .failure(error)
            }
        }
        reply(.acquired(number, request, losing(result)))
        if faults.losesMessages, !isDouble, chance(5) {
            schedule(
                .acquireArrives(number, request, isDouble: true),
                within: .milliseconds(100)
            )
        }
    }

    private mutating func giveBackArrives(
        _ number: Int,
        _ request: GiveBackRequest,
        isDouble: Bool
    ) {
        let result: Result<GiveBackReply, LedgerError>
        if isAway || losesRequest() {
            result = .failure(LedgerError(.unavailable, "away"))
        } else {
            do throws(LedgerError) {
                result = .success(try model.giveBack(request))
            } catch {
                // Of a request that its own repeat has overtaken, nobody waits for the answer.
                if !isDouble, !isOld(request.opSequence, of: request.lease) {
                    fail("give back: \(error)")
                }
                return
            }
        }
        reply(.gaveBack(number, request, losing(result)))
        if faults.losesMessages, !isDouble, chance(5) {
            schedule(
                .giveBackArrives(number, request, isDouble: true),
                within: .milliseconds(100)
            )
        }
    }

    private func isOld(_ opSequence: Int64, of lease: LeaseID) -> Bool {
        opSequence < model.leases[lease]?.opSequence ?? 0
    }

    private mutating func reply(_ step: Step) { schedule(step, within: .milliseconds(20)) }

    private mutating func losesRequest() -> Bool { faults.losesMessages && chance(5) }

    /// Loses some answers to requests that were carried out.
    private mutating func losing<Reply>(
        _ result: Result<Reply, LedgerError>
    ) -> Result<Reply, LedgerError> {
        guard faults.losesMessages, chance(10) else { return result }
        return .failure(LedgerError(.outcomeUnknown, "lost"))
    }

    private mutating func renew(_ number: Int) {
        steps.insert(.renew(number), at: now + .seconds(2))
        guard !isAway else { return }
        if now >= instances[number].tenure.validUntil {
            instances[number].tenure.lapses += 1
            // Others may have released what the silent instance had.
            if faults.closesLeases, chance(50) { release(instances[number].tenure.identity) }
        }
        instances[number].tenure.validUntil = now + instances[number].validity
    }

    private mutating func release(_ identity: InstanceIdentity) {
        for (id, lease) in model.leases where lease.isOpen && lease.instance == identity.instance {
            model.close(id)
            released.insert(id)
        }
    }

    // MARK: Driving

    /// Lets a book decide, and carries out what it says.
    mutating func drive(
        _ number: Int,
        _ decide: (inout LeaseBook, ContinuousClock.Instant, EscrowTenure) -> [LeaseAction]
    ) {
        for action in decide(&instances[number].book, now, instances[number].tenure) {
            switch action {
            case .acquire(let request):
                schedule(
                    .acquireArrives(number, request, isDouble: false),
                    within: .milliseconds(20)
                )
            case .giveBack(let request):
                schedule(
                    .giveBackArrives(number, request, isDouble: false),
                    within: .milliseconds(20)
                )
            case .reclaim:
                fail("reclaimed in the same incarnation")
            case .recall:
                for other in instances.indices where other != number {
                    // A recall is a hint, and some are lost.
                    if faults.losesMessages, chance(20) { continue }
                    schedule(.recalled(other), within: .milliseconds(20))
                }
            case .resume(let waiter, let result):
                resume(number, waiter, result)
            }
        }
        guard let wake = instances[number].book.nextWake(tenure: instances[number].tenure) else {
            return
        }
        if let scheduled = instances[number].wake, scheduled <= wake { return }
        instances[number].wake = wake
        steps.insert(.tick(number), at: max(wake, now))
    }

    private mutating func resume(
        _ number: Int,
        _ waiter: UInt64,
        _ result: Result<EscrowHold, EscrowRefusal>
    ) {
        guard let wait = waits.removeValue(forKey: waiter) else { return fail("resumed twice") }
        switch result {
        case .success(let hold): admit(number, hold, want: Pico(unit.units * 20), least: wait.least)
        case .failure(let refusal): judge(refusal, of: wait)
        }
    }
}
