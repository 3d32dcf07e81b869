import Testing

@testable import Schema

@Suite struct InstantTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-24T10:00:00Z", 1_795_514_400_000_000),
        ("2026-11-24T11:00:00.000001+01:00", 1_795_514_400_000_001),
        ("2000-02-29", 951_782_400_000_000),
        ("1969-12-31T23:59:59.5Z", -500_000),
    ])
    func `RFC 3339 is read`(text: String, microseconds: Int64) {
        #expect(Instant(text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "2026-02-29", "2026-13-01", "2026-11-24T24:00:00Z", "2026-11-24T10:00:00", "now",
        "2026-11-24T10:00:00.Z", "2026-11-24T10:00:00Zjunk",
    ])
    func `anything else is refused`(text: String) {
        #expect(Instant(text) == nil)
    }

    @Test func `writing and reading agree over eight centuries`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<10_000 {
            let range: ClosedRange<Int64> = -12_000_000_000_000_000...12_000_000_000_000_000
            let instant = Instant(microseconds: Int64.random(in: range, using: &generator))
            #expect(Instant(instant.description) == instant)
        }
    }
}
