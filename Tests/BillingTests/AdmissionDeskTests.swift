import Ledger
import Postgres
import Schema
import TestSupport
import Testing

@testable import Billing

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct AdmissionDeskTests {
    @Test func `a call is admitted with its whole cap and pays exactly what it used`() async throws
    {
        try await AdmissionStage.with(credit: Pico(1_000_000)) { stage in
            let admission = try await stage.desk.admit(stage.request(), at: stage.now)
            #expect(admission.outputCap == 1_000)
            #expect(!admission.wasCapLowered)
            #expect(admission.hold.amount == Pico(100_100))
            var tokens = TokenUsage()
            tokens.input = 7
            tokens.output = 3
            let charge = admission.charge(tokens: tokens, serviceTier: .standard)
            stage.desk.settle(admission, charge)
            try await stage.append(admission, charge)
            #expect(try await stage.balance() == Pico(1_000_000 - 370))
        }
    }

    @Test func `short credit lowers the cap to what it affords`() async throws {
        try await AdmissionStage.with(credit: Pico(50_150)) { stage in
            let admission = try await stage.desk.admit(stage.request(), at: stage.now)
            #expect(admission.outputCap == 500)
            #expect(admission.wasCapLowered)
            #expect(admission.hold.amount <= Pico(50_150))
        }
    }

    @Test func `a tighter bound of the prompt leaves more of the same hold to the answer`()
        async throws
    {
        try await AdmissionStage.with(credit: Pico(50_150)) { stage in
            var request = stage.request()
            let short = try await stage.desk.admit(request, at: stage.now)
            #expect(short.outputCap == 500 && short.inputTokens == 10)
            request.bounds.inputTokensBound = 0
            let wide = stage.desk.widened(short, by: request)
            #expect(wide.hold.amount == short.hold.amount)
            #expect(wide.outputCap == 501 && wide.wasCapLowered && wide.inputTokens == 0)
            request.bounds.inputTokensBound = 15
            #expect(stage.desk.widened(short, by: request).outputCap == 500)
        }
    }

    @Test func `a policy that refuses names balance, held and needed`() async throws {
        try await AdmissionStage.with(credit: Pico(50_150)) { stage in
            let refusal = await #expect(throws: AdmissionRefusal.self) {
                try await stage.desk.admit(stage.request(shortCredit: .refuse), at: stage.now)
            }
            let figures = AdmissionRefusal.Figures(
                balance: Pico(50_150),
                held: .zero,
                needed: Pico(100_100)
            )
            #expect(refusal == .insufficient(figures))
        }
    }

    @Test func `credit below the least of use is refused, not lowered further`() async throws {
        try await AdmissionStage.with(credit: Pico(25_699)) { stage in
            let refusal = await #expect(throws: AdmissionRefusal.self) {
                try await stage.desk.admit(stage.request(), at: stage.now)
            }
            let figures = AdmissionRefusal.Figures(
                balance: Pico(25_699),
                held: .zero,
                needed: Pico(25_700)
            )
            #expect(refusal == .insufficient(figures))
        }
    }

    @Test func `of a hundred calls at once exactly those are admitted that the credit covers`()
        async throws
    {
        try await AdmissionStage.with(credit: Pico(7 * 100_100 + 50)) { stage in
            // The first connection may take longer than any call waits.
            let first = stage.request(shortCredit: .refuse, waitMax: .seconds(60))
            stage.desk.release(try await stage.desk.admit(first, at: stage.now))
            let outcomes = await withTaskGroup(
                of: Result<Admission, AdmissionRefusal>.self,
                returning: [Result<Admission, AdmissionRefusal>].self
            ) { group in
                for _ in 0..<100 {
                    group.addTask {
                        do throws(AdmissionRefusal) {
                            let request = stage.request(shortCredit: .refuse, waitMax: .seconds(3))
                            return .success(try await stage.desk.admit(request, at: stage.now))
                        } catch {
                            return .failure(error)
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let admissions = outcomes.compactMap { try? $0.get() }
            #expect(admissions.count == 7)
            let held = admissions.reduce(Pico.zero) { $0 + $1.hold.amount }
            #expect(held <= Pico(7 * 100_100 + 50))
            for case .failure(let refusal) in outcomes {
                guard case .tiedUp(_, let figures) = refusal else {
                    Issue.record("\(refusal)")
                    continue
                }
                #expect(figures.needed == Pico(100_100))
            }
            for admission in admissions { stage.desk.release(admission) }
            let next = try await stage.desk.admit(
                stage.request(shortCredit: .refuse),
                at: stage.now
            )
            #expect(next.outputCap == 1_000)
        }
    }

    @Test func `a call that waits is admitted when a running one settles`() async throws {
        try await AdmissionStage.with(credit: Pico(110_000)) { stage in
            let first = try await stage.desk.admit(stage.request(), at: stage.now)
            async let second = stage.desk.admit(stage.request(shortCredit: .refuse), at: stage.now)
            try await Task.sleep(for: .milliseconds(50))
            stage.desk.release(first)
            #expect(try await second.outputCap == 1_000)
        }
    }

    @Test func `a model published as free passes at zero balance`() async throws {
        try await AdmissionStage.with(credit: .zero) { stage in
            let admission = try await stage.desk.admit(stage.request("free"), at: stage.now)
            #expect(admission.hold.amount == .zero)
            #expect(admission.hold.lease == nil)
            #expect(!admission.wasCapLowered)
        }
    }

    @Test func `what has no price, no price in the currency or no bound is refused`() async throws {
        try await AdmissionStage.with(credit: Pico(1_000_000)) { stage in
            func refusal(_ request: AdmissionRequest) async -> AdmissionRefusal? {
                await #expect(throws: AdmissionRefusal.self) {
                    try await stage.desk.admit(request, at: stage.now)
                }
            }
            let unknown = await refusal(stage.request("unknown"))
            #expect(unknown == .noPrice(model: "unknown"))
            let euro = try #require(Currency("EUR"))
            var foreign = stage.request()
            foreign.currency = euro
            let wrong = await refusal(foreign)
            #expect(wrong == .wrongCurrency(model: "m", euro))
            let unbound = await refusal(stage.request("unlimited"))
            #expect(unbound == .unboundable(.noOutputLimit(model: "unlimited")))
            #expect(
                try await stage.desk.admit(
                    stage.request("unlimited", asked: 5),
                    at: stage.now
                ).outputCap == 5
            )
        }
    }

    @Test func `a suspended account is refused even what is free`() async throws {
        try await AdmissionStage.with(credit: Pico(1_000_000)) { stage in
            stage.escrow.observe(
                stage.account,
                HeadSummary(
                    version: 1,
                    balance: Pico(1_000_000),
                    creditLimit: .zero,
                    escrowed: .zero,
                    reserved: .zero,
                    overdrawn: .zero,
                    isSuspended: true
                )
            )
            let refusal = await #expect(throws: AdmissionRefusal.self) {
                try await stage.desk.admit(stage.request("free"), at: stage.now)
            }
            #expect(refusal == .suspended)
        }
    }

    @Test func `nothing is admitted beyond the lease while the database is away`() async throws {
        try await AdmissionStage.with(credit: Pico(1_000_000)) { stage in
            await stage.database.close()
            let refusal = await #expect(throws: AdmissionRefusal.self) {
                try await stage.desk.admit(
                    stage.request(waitMax: .milliseconds(200)),
                    at: stage.now
                )
            }
            #expect(refusal == .unavailable)
        }
    }

    @Test func `new prices are quoted at once, and admitted calls keep theirs`() async throws {
        try await AdmissionStage.with(credit: Pico(1_000_000)) { stage in
            let admission = try await stage.desk.admit(stage.request(asked: 1), at: stage.now)
            stage.desk.adopt(.empty)
            let refusal = await #expect(throws: AdmissionRefusal.self) {
                try await stage.desk.admit(stage.request(asked: 1), at: stage.now)
            }
            #expect(refusal == .noPrice(model: "m"))
            #expect(admission.terms.tokenPrices[PriceKey(.output)] == Pico(100))
        }
    }
}
