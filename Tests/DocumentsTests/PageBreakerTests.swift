import Testing

@testable import Documents

@Suite struct PageBreakerTests {
    private func strip(
        _ height: Int,
        space: Int = 0,
        staysWithNext: Bool = false,
        head: Int = 0,
        cuts: [Int] = []
    ) -> PageBreaker.Measure {
        PageBreaker.Measure(
            height: .points(height),
            spaceAbove: .points(space),
            staysWithNext: staysWithNext,
            headHeight: .points(head),
            cuts: cuts.map { .points($0) }
        )
    }

    private func pages(_ measures: [PageBreaker.Measure]) -> [[PageBreaker.Placement]] {
        PageBreaker.pages(
            of: measures,
            firstHeight: .points(100),
            otherHeight: .points(80)
        )
    }

    private func strips(_ measures: [PageBreaker.Measure]) -> [[Int]] {
        pages(measures).map { $0.map(\.strip) }
    }

    @Test func `a page is filled before the next begins`() {
        #expect(
            strips([strip(50), strip(50), strip(40), strip(40), strip(1)]) == [
                [0, 1], [2, 3], [4],
            ]
        )
    }

    @Test func `space above counts between strips and vanishes at the top of a page`() {
        let placed = pages([strip(50, space: 30), strip(50, space: 10), strip(10, space: 5)])
        #expect(placed.map { $0.map(\.strip) } == [[0], [1, 2]])
        #expect(placed[0][0].top == .zero)
        #expect(placed[1][0].top == .zero)
        #expect(placed[1][1].top == .points(55))
    }

    @Test func `a title does not stay behind alone`() {
        #expect(strips([strip(70), strip(20, staysWithNext: true), strip(20)]) == [[0], [1, 2]])
    }

    @Test func `what no page can hold together is set as far as it goes`() {
        let chain = (0..<5).map { _ in strip(30, staysWithNext: true) }
        #expect(strips([strip(90)] + chain) == [[0], [1, 2], [3, 4], [5]])
    }

    @Test func `a table's head stands again on each of its pages and takes room there`() {
        let head = strip(10, staysWithNext: true)
        let rows = (0..<9).map { _ in strip(20, head: 10) }
        let placed = pages([head] + rows)
        #expect(placed.map { $0.map(\.strip) } == [[0, 1, 2, 3, 4], [5, 6, 7], [8, 9]])
        #expect(
            placed.map { $0.map(\.repeatsHead) } == [
                [false, false, false, false, false], [true, false, false], [true, false],
            ]
        )
        #expect(placed[1][1].top == .points(30))
    }

    @Test func `a strip taller than a page is cut between its lines, none lost`() {
        let placed = pages([strip(250, head: 10, cuts: [40, 90, 140, 150, 190, 250])])
        let slices = placed.flatMap { $0 }.map(\.slice)
        #expect(
            slices == [
                .zero..<Length.points(90), .points(90)..<Length.points(150),
                .points(150)..<Length.points(190), .points(190)..<Length.points(250),
            ]
        )
        #expect(placed.count == 4)
    }

    @Test func `a strip that can be cut nowhere has a page of its own`() {
        #expect(strips([strip(10), strip(300), strip(10)]) == [[0], [1], [2]])
    }

    @Test func `nothing is one empty page`() {
        #expect(strips([]) == [[]])
    }
}
