import Testing

@testable import Ingress

/// The list that calls under way are in.
@Suite struct PlacedListTests {
    private final class Stone: Placed {
        let name: Int
        var place = -1

        init(_ name: Int) { self.name = name }
    }

    @Test func `whatever comes and goes, the others are there, each at its place`() {
        var generator = SystemRandomNumberGenerator()
        var list = PlacedList<Stone>()
        var there: [Stone] = []
        for name in 0..<2_000 {
            if there.isEmpty || Int.random(in: 0..<5, using: &generator) < 3 {
                there.append(Stone(name))
                list.append(there[there.count - 1])
            } else {
                let gone = there.remove(at: .random(in: 0..<there.count, using: &generator))
                list.remove(gone)
            }
            #expect(list.elements.count == there.count)
        }
        #expect(Set(list.elements.map(\.name)) == Set(there.map(\.name)))
        for (place, stone) in list.elements.enumerated() { #expect(stone.place == place) }
    }

    @Test(arguments: [0, 1, 2])
    func `of three any one goes, and the two others stay`(gone: Int) {
        var list = PlacedList<Stone>()
        let stones = (0..<3).map { Stone($0) }
        for stone in stones { list.append(stone) }
        list.remove(stones[gone])
        #expect(Set(list.elements.map(\.name)) == Set(0..<3).subtracting([gone]))
        for stone in stones where stone.name != gone {
            list.remove(stone)
            #expect(!list.elements.contains { $0 === stone })
        }
        #expect(list.elements.isEmpty)
    }
}
