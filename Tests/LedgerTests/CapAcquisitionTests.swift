import Ledger
import Schema
import Testing

@testable import Ledger

/// What an acquire gets of an account and its caps; the decision alone.
@Suite struct CapAcquisitionTests {
    private let key = CapScope.key(KeyID(high: 1, low: 1))
    private let otherKey = CapScope.key(KeyID(high: 1, low: 2))
    private let project = CapScope.project(ProjectID(high: 2, low: 1))
    private let noon = Instant(microseconds: 1_800_000_000_000_000)

    /// A cap by day of which so much is spent and set aside.
    private func cap(
        _ scope: CapScope,
        _ limit: Int128,
        spent: Int128 = 0,
        escrowed: Int128 = 0
    ) -> (CapInstant, CapFigures) {
        let window = CapFigures.Window(
            period: .day,
            limit: Pico(limit),
            spent: Pico(spent),
            escrowed: Pico(escrowed)
        )
        let figures = CapFigures(
            scope: scope,
            dayStartsAt: noon.adding(seconds: -43_200),
            dayEndsAt: noon.adding(seconds: 43_200),
            monthStartsAt: noon.adding(seconds: -43_200),
            windows: [window]
        )
        return (CapInstant(scope: scope, at: noon), figures)
    }

    private func need(_ scopes: [CapScope], _ want: Int128, least: Int128) -> CappedNeed {
        CappedNeed(
            at: noon,
            want: Pico(want),
            least: Pico(least),
            parts: scopes.map {
                CappedNeed.Part(scope: $0, want: Pico(want), least: Pico(least))
            }
        )
    }

    @Test func `a rich account with a small key: the key decides`() throws {
        var acquisition = CapAcquisition(
            free: Pico(1_000_000),
            figures: Dictionary(uniqueKeysWithValues: [cap(key, 100, spent: 70, escrowed: 20)])
        )
        try acquisition.add(need([key], 11, least: 11))
        #expect(acquisition.granted == .zero)
        try acquisition.add(need([key], 11, least: 10))
        #expect(acquisition.granted == Pico(11))
        #expect(acquisition.caps.values.map(\.units) == [10])
    }

    @Test func `a key that is spent takes money from its project and its account`() throws {
        var acquisition = CapAcquisition(
            free: Pico(100),
            figures: Dictionary(uniqueKeysWithValues: [
                cap(key, 100, spent: 100), cap(otherKey, 100), cap(project, 100),
            ])
        )
        try acquisition.add(need([key, project], 60, least: 1))
        #expect(acquisition.granted == .zero)
        #expect(acquisition.caps.isEmpty)
        try acquisition.add(need([otherKey, project], 60, least: 60))
        #expect(acquisition.granted == Pico(60))
    }

    @Test func `two keys of one project get its last money twice`() throws {
        var acquisition = CapAcquisition(
            free: Pico(1_000),
            figures: Dictionary(uniqueKeysWithValues: [
                cap(key, 100), cap(otherKey, 100), cap(project, 100, spent: 50),
            ])
        )
        try acquisition.add(need([key, project], 30, least: 30))
        try acquisition.add(need([otherKey, project], 30, least: 30))
        #expect(acquisition.granted == Pico(30))
        try acquisition.add(need([otherKey, project], 30, least: 20))
        let day = CapDay(scope: project, startsAt: noon.adding(seconds: -43_200))
        #expect(acquisition.caps[day] == Pico(50))
    }

    @Test func `a lowered cap gives less than nothing`() {
        let (_, figures) = cap(key, 10, spent: 70, escrowed: 20)
        #expect(figures.free == .zero)
        #expect(figures.exhausted(by: Pico(1))?.unspent == Pico(-60))
        #expect(cap(key, 100, spent: 70, escrowed: 30).1.exhausted(by: Pico(30)) == nil)
    }
}
