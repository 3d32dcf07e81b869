/// Decides what stands on which page, from heights alone.
struct PageBreaker {
    /// What the breaker knows of a strip: a piece as wide as the page that it sets below others.
    struct Measure {
        var height: Length
        /// Left empty above the strip, unless it begins a page.
        var spaceAbove: Length = .zero
        var staysWithNext = false
        /// Set above the strip once more where it begins a page: a table's head.
        var headHeight: Length = .zero
        /// Where a strip may be cut that is taller than a page, ascending, between its lines.
        var cuts: [Length] = []
    }

    struct Placement: Hashable {
        /// The strip, as an index of what was measured.
        let strip: Int
        /// Below the top of the page's body; the repeated head's, where there is one.
        let top: Length
        let repeatsHead: Bool
        /// The part of the strip that stands here.
        let slice: Range<Length>
    }

    /// Room on the first page, and on every other.
    let firstHeight: Length
    let otherHeight: Length

    private(set) var pages: [[Placement]] = [[]]
    private var used = Length.zero

    init(firstHeight: Length, otherHeight: Length) {
        self.firstHeight = firstHeight
        self.otherHeight = otherHeight
    }

    static func pages(
        of measures: [Measure],
        firstHeight: Length,
        otherHeight: Length
    ) -> [[Placement]] {
        var breaker = PageBreaker(firstHeight: firstHeight, otherHeight: otherHeight)
        var next = 0
        while next < measures.count {
            var end = next + 1
            while end < measures.count, measures[end - 1].staysWithNext { end += 1 }
            breaker.place(next..<end, of: measures)
            next = end
        }
        return breaker.pages
    }

    private var room: Length {
        (pages.count == 1 ? firstHeight : otherHeight) - used
    }

    private var isAtTop: Bool { pages.last?.isEmpty ?? true }

    /// Places strips that stay together, as far as any page can hold them all.
    private mutating func place(_ group: Range<Int>, of measures: [Measure]) {
        if height(of: group, in: measures, atTop: isAtTop) > room, !isAtTop {
            beginPage()
        }
        for index in group {
            place(index, measures[index])
        }
    }

    private func height(of group: Range<Int>, in measures: [Measure], atTop: Bool) -> Length {
        var sum = Length.zero
        for index in group {
            sum += measures[index].height
            let isFirst = atTop && index == group.lowerBound
            sum += isFirst ? measures[index].headHeight : measures[index].spaceAbove
        }
        return sum
    }

    private mutating func place(_ index: Int, _ measure: Measure) {
        if !isAtTop, measure.spaceAbove + measure.height > room {
            beginPage()
        }
        var begin = Length.zero
        var cuts = measure.cuts[...]
        while true {
            let lead = isAtTop ? measure.headHeight : measure.spaceAbove
            let rest = measure.height - begin
            guard rest > room - lead, let last = cuts.last(where: { $0 - begin <= room - lead })
            else {
                put(index, measure, begin..<measure.height)
                return
            }
            put(index, measure, begin..<last)
            begin = last
            cuts = cuts.drop { $0 <= last }
            beginPage()
        }
    }

    private mutating func put(_ index: Int, _ measure: Measure, _ slice: Range<Length>) {
        let repeatsHead = isAtTop && measure.headHeight > .zero
        if !isAtTop { used += measure.spaceAbove }
        let placement = Placement(
            strip: index,
            top: used,
            repeatsHead: repeatsHead,
            slice: slice
        )
        pages[pages.count - 1].append(placement)
        if repeatsHead { used += measure.headHeight }
        used += slice.upperBound - slice.lowerBound
    }

    private mutating func beginPage() {
        pages.append([])
        used = .zero
    }
}
