import Testing

@testable import Schema

@Suite struct IdentifierTests {
    @Test func `a UUIDv7 carries its version, its variant and its instant`() throws {
        let instant = try #require(Instant("2026-11-24T10:00:00Z"))
        let id = AccountID(at: instant, random: (.max, .max))
        #expect(id.high & 0xf000 == 0x7000)
        #expect(id.high >> 16 == 1_795_514_400_000)
        #expect(id.low >> 62 == 0b10)
    }

    @Test func `text is read with and without dashes, and nothing else is`() {
        let id = AccountID(high: 0x0123_4567_89ab_cdef, low: 0x8123_4567_89ab_cdef)
        #expect(id.description == "01234567-89ab-cdef-8123-456789abcdef")
        #expect(AccountID(id.description) == id)
        #expect(AccountID(id.hexadecimal) == id)
        #expect(AccountID("01234567") == nil)
        #expect(AccountID(id.description + "0") == nil)
        #expect(AccountID("g1234567-89ab-cdef-8123-456789abcdef") == nil)
    }

    @Test func `identifiers sort by time of making`() {
        let early = EventID.make(at: Instant(microseconds: 1_000_000))
        let late = EventID.make(at: Instant(microseconds: 2_000_000))
        #expect(early < late)
    }
}
