import Ledger
import Schema
import TestSupport
import Testing

@testable import Billing

/// Holds that begin with a slice of the output and grow.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct GrowingHoldTests {
    @Test func `a slice is held at first while the upstream is given the whole cap`() async throws {
        try await AdmissionStage.with(credit: Pico(60_000)) { stage in
            let admission = try await stage.admit(slice: 300)
            #expect(admission.hold.amount == Pico(30_100))
            #expect(admission.coveredOutput == 300)
            #expect(admission.outputCap == 1_000)
            #expect(!admission.wasCapLowered)
        }
    }

    @Test func `growth takes from the balance what is free, and no more`() async throws {
        try await AdmissionStage.with(credit: Pico(60_000)) { stage in
            var admission = try await stage.admit(slice: 300)
            let grown = await stage.desk.grow(admission, toCover: 301, ahead: 300)
            admission = admission.holding(try #require(grown))
            // The credit affords 599 tokens beside the prompt, of the 601 that were wanted.
            #expect(admission.coveredOutput == 599)
            #expect(await stage.desk.grow(admission, toCover: 600, ahead: 300) == nil)
            #expect(stage.escrow.holdings(stage.account).holdCount == 1)
        }
    }

    @Test func `two growing calls share what one whole cap would hold`() async throws {
        try await AdmissionStage.with(credit: Pico(100_200)) { stage in
            let first = try await stage.admit(slice: 300)
            let second = try await stage.admit(slice: 300)
            let grown = await stage.desk.grow(first, toCover: 301, ahead: 99)
            #expect(grown?.amount == Pico(40_100))
            #expect(await stage.desk.grow(second, toCover: 700, ahead: 0) == nil)
        }
    }

    @Test func `a hold never grows beyond the whole cap, nor after its call has ended`()
        async throws
    {
        try await AdmissionStage.with(credit: Pico(1_000_000)) { stage in
            var admission = try await stage.admit(slice: 300)
            let grown = await stage.desk.grow(admission, toCover: 5_000, ahead: 300)
            admission = admission.holding(try #require(grown))
            #expect(admission.hold.amount == Pico(100_100))
            #expect(admission.coveredOutput == admission.outputCap)
            stage.desk.release(admission)
            #expect(await stage.desk.grow(admission, toCover: 10, ahead: 10) == nil)
            #expect(stage.escrow.holdings(stage.account).held == .zero)
        }
    }

    @Test func `a slice of the whole cap or more is no slice`() async throws {
        try await AdmissionStage.with(credit: Pico(1_000_000)) { stage in
            let admission = try await stage.admit(slice: 1_000)
            #expect(admission.growth == nil)
        }
    }
}

extension AdmissionStage {
    fileprivate func admit(slice: Int64) async throws -> Admission {
        var request = request(waitMax: .milliseconds(500))
        request.sliceTokens = slice
        return try await desk.admit(request, at: now)
    }
}
