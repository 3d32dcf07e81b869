/// A piece of a page, as wide as its space, with everything on it in place.
struct Strip {
    /// Something drawn, with its place below and right of the strip's corner.
    enum Mark {
        case text(ShapedText, x: Length, y: Length, width: Length, Alignment, Ink)
        case rule(Rule, x: Length, y: Length, width: Length)
        case picture(Picture, x: Length, y: Length, height: Length)
    }

    var measure: PageBreaker.Measure
    var marks: [Mark]
    /// What stands above it where it begins a page.
    var head: [Strip] = []

    init(height: Length, marks: [Mark], head: [Strip] = []) {
        measure = PageBreaker.Measure(height: height)
        measure.headHeight = head.height
        self.marks = marks
        self.head = head
    }

    /// States where the strip may be cut, if it is taller than `heightMax`: where no line of any
    /// text is cut through.
    mutating func allowCuts(above heightMax: Length) {
        guard measure.height > heightMax else { return }
        var lines: [Range<Length>] = []
        for case .text(let text, _, let y, _, _, _) in marks {
            lines += text.lines.map { y + $0.top..<y + $0.bottom }
        }
        measure.cuts = Set(lines.map(\.upperBound)).sorted().filter { cut in
            !lines.contains { $0.lowerBound < cut && cut < $0.upperBound }
        }
    }
}

extension Strip.Mark {
    func moved(right: Length, down: Length) -> Strip.Mark {
        switch self {
        case .text(let text, let x, let y, let width, let alignment, let ink):
            .text(text, x: x + right, y: y + down, width: width, alignment, ink)
        case .rule(let rule, let x, let y, let width):
            .rule(rule, x: x + right, y: y + down, width: width)
        case .picture(let picture, let x, let y, let height):
            .picture(picture, x: x + right, y: y + down, height: height)
        }
    }
}

extension [Strip] {
    /// As tall as they are below each other.
    var height: Length {
        var sum = Length.zero
        for (index, strip) in enumerated() {
            sum += strip.measure.height
            if index > 0 { sum += strip.measure.spaceAbove }
        }
        return sum
    }

    /// What is on all of them, from the first one's corner.
    var marks: [Strip.Mark] {
        var marks: [Strip.Mark] = []
        var top = Length.zero
        for (index, strip) in enumerated() {
            if index > 0 { top += strip.measure.spaceAbove }
            marks += strip.marks.map { $0.moved(right: .zero, down: top) }
            top += strip.measure.height
        }
        return marks
    }
}
