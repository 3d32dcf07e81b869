import Testing

@testable import Documents

@Suite struct DrawingTests {
    private func path(_ data: String) throws(SVGFault) -> [PathStep] {
        var reader = PathReader(data)
        return try reader.steps()
    }

    private func point(_ x: Double, _ y: Double) -> Point { Point(x: x, y: y) }

    @Test func `relative steps, repeated commands and packed numbers are read`() throws {
        #expect(
            try path("M1 2l3-4.5.5.5h2V9z") == [
                .move(point(1, 2)), .line(point(4, -2.5)), .line(point(4.5, -2)),
                .line(point(6.5, -2)), .line(point(6.5, 9)), .close,
            ]
        )
    }

    @Test func `more pairs after a move are lines`() throws {
        #expect(
            try path("m1,1 2,2,3,3") == [
                .move(point(1, 1)), .line(point(3, 3)), .line(point(6, 6)),
            ]
        )
    }

    @Test func `a smooth curve mirrors the last control point`() throws {
        #expect(
            try path("M0 0C1 1 2 3 4 4s1 1 4 4") == [
                .move(point(0, 0)), .curve(point(1, 1), point(2, 3), point(4, 4)),
                .curve(point(6, 5), point(5, 5), point(8, 8)),
            ]
        )
    }

    @Test func `a quadratic curve becomes the cubic one of the same shape`() throws {
        #expect(
            try path("M0 0Q3 3 6 0") == [
                .move(point(0, 0)), .curve(point(2, 2), point(4, 2), point(6, 0)),
            ]
        )
    }

    @Test(arguments: ["L1 1", "M1", "M1 1 A1 1 0 0 0 2 2", "M1 1 L1 x", "M1 1 L1 1e999"])
    func `a path that cannot be set is refused`(data: String) {
        #expect(throws: SVGFault.self) { try path(data) }
    }

    @Test func `a logo of paths is read with its plane and colours`() throws {
        let drawing = try Drawing(
            svg: """
                <?xml version="1.0"?><!-- a <g> in a comment -->
                <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10">
                  <title>Logo</title>
                  <path fill="#fa0" d="M0 0H20V10z"/>
                  <path d='M1 1h1v1z'></path>
                </svg>
                """
        )
        #expect(drawing.width == 20 && drawing.height == 10)
        #expect(drawing.shapes.map(\.ink) == [Ink(0xFFAA00), .black])
    }

    @Test(arguments: [
        "<svg viewBox='0 0 1 1'><g transform='scale(2)'><path d='M0 0h1z'/></g></svg>",
        "<svg viewBox='0 0 1 1'><path d='M0 0h1z' style='fill:red'/></svg>",
        "<svg viewBox='0 0 1 1'><path d='M0 0h1z' stroke='#000'/></svg>",
        "<svg viewBox='0 0 1 1'><text>Logo</text></svg>",
        "<svg viewBox='0 0 1 1'><path d='M0 0h1z' fill='url(#a)'/></svg>",
        "<svg viewBox='0 0 0 1'><path d='M0 0h1z'/></svg>", "<svg><path d='M0 0h1z'/></svg>",
        "<svg viewBox='0 0 1 1'/>", "", "<svg viewBox='0 0 1 1'",
    ])
    func `what would be drawn otherwise than meant is refused`(svg: String) {
        #expect(throws: SVGFault.self) { try Drawing(svg: svg) }
    }
}
