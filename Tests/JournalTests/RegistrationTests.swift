import Testing

@testable import Journal

@Suite struct RegistrationTests {
    /// PostgreSQL's side: a nonce that is set by comparing.
    private struct Authority {
        var nonce: RegistrationNonce?
        var epoch: Int64 = 0

        mutating func register(
            _ registration: Registration,
            fresh: RegistrationNonce
        ) -> Int64? {
            guard registration.expectedNonces.contains(nonce) else { return nil }
            nonce = fresh
            epoch += 1
            return epoch
        }
    }

    private func nonce(_ number: UInt64) -> RegistrationNonce {
        RegistrationNonce(high: 1, low: number)
    }

    @Test func `a crash on either side of the compare-and-set locks nobody out`() async throws {
        let fixture = try Fixture()
        var authority = Authority()
        for number in 0..<40 as Range<UInt64> {
            let journal = try await fixture.open()
            let registration = try await journal.beginRegistration(nonce(number))
            // Every third start crashes before the compare-and-set, every third after it.
            if number % 3 != 0 {
                let granted = authority.register(registration, fresh: nonce(number))
                let confirmed = try #require(granted)
                if number % 3 != 1 {
                    try await journal.confirmRegistration(nonce(number), epoch: confirmed)
                    #expect(try await journal.registration().epoch == confirmed)
                }
            }
            await journal.close()
        }
    }

    @Test func `a copy is refused once the original has registered again`() async throws {
        let fixture = try Fixture()
        var authority = Authority()
        let journal = try await fixture.open()
        let first = try await journal.beginRegistration(nonce(1))
        #expect(first.expectedNonces == [nil])
        let granted = authority.register(first, fresh: nonce(1))
        let epoch = try #require(granted)
        try await journal.confirmRegistration(nonce(1), epoch: epoch)
        let copy = try await fixture.crashed().open()
        let second = try await journal.beginRegistration(nonce(2))
        #expect(second == Registration(epoch: 1, expectedNonces: [nonce(1), nil]))
        let renewed = authority.register(second, fresh: nonce(2))
        #expect(renewed == 2)
        let copied = try await copy.beginRegistration(nonce(3))
        let stolen = authority.register(copied, fresh: nonce(3))
        #expect(stolen == nil)
        await copy.close()
        await journal.close()
    }

    @Test func `the confirmed nonce outlives any number of failed starts`() async throws {
        let fixture = try Fixture()
        let journal = try await fixture.open()
        _ = try await journal.beginRegistration(nonce(1))
        try await journal.confirmRegistration(nonce(1), epoch: 7)
        for number in 2...100 as ClosedRange<UInt64> {
            _ = try await journal.beginRegistration(nonce(number))
        }
        let registration = try await journal.registration()
        #expect(registration.epoch == 7)
        #expect(registration.expectedNonces.first == nonce(100))
        #expect(registration.expectedNonces.suffix(2) == [nonce(1), nil])
        #expect(registration.expectedNonces.count == RegistrationHistory.noncesMax + 2)
        #expect(
            await failure { try await journal.confirmRegistration(nonce(500), epoch: 8) }
                == .notEntered
        )
        await journal.close()
    }
}
