/// Reads the path data of SVG 1.1 §8.3, but for elliptical arcs.
struct PathReader {
    private let characters: [UInt8]
    private var position = 0
    private var path: [PathStep] = []
    private var start = Point(x: 0, y: 0)
    private var here = Point(x: 0, y: 0)
    /// The last curve's last control point, which a smooth one mirrors.
    private var control: Point?
    private var quadraticControl: Point?

    init(_ text: String) {
        characters = Array(text.utf8)
    }

    /// The steps, all to absolute places.
    mutating func steps() throws(SVGFault) -> [PathStep] {
        var command: UInt8 = 0
        skipSeparators()
        while position < characters.count {
            let character = characters[position]
            if Self.isLetter(character) {
                command = character
                position += 1
            } else if command == UInt8(ascii: "M") {
                command = UInt8(ascii: "L")
            } else if command == UInt8(ascii: "m") {
                command = UInt8(ascii: "l")
            }
            if path.isEmpty, command | 0x20 != UInt8(ascii: "m") {
                throw SVGFault("has a path that does not begin with a move")
            }
            try step(command)
            skipSeparators()
        }
        return path
    }

    private mutating func step(_ command: UInt8) throws(SVGFault) {
        let origin = command & 0x20 == 0 ? Point(x: 0, y: 0) : here
        let (lastControl, lastQuadratic) = (control, quadraticControl)
        (control, quadraticControl) = (nil, nil)
        switch command | 0x20 {
        case UInt8(ascii: "m"):
            here = try point(from: origin)
            start = here
            path.append(.move(here))
        case UInt8(ascii: "l"): line(to: try point(from: origin))
        case UInt8(ascii: "h"): line(to: Point(x: origin.x + (try number()), y: here.y))
        case UInt8(ascii: "v"): line(to: Point(x: here.x, y: origin.y + (try number())))
        case UInt8(ascii: "c"):
            let first = try point(from: origin)
            curve(first, try point(from: origin), try point(from: origin))
        case UInt8(ascii: "s"):
            let first = lastControl.map(mirrored) ?? here
            curve(first, try point(from: origin), try point(from: origin))
        case UInt8(ascii: "q"):
            quadratic(try point(from: origin), try point(from: origin))
        case UInt8(ascii: "t"):
            quadratic(lastQuadratic.map(mirrored) ?? here, try point(from: origin))
        case UInt8(ascii: "z"):
            here = start
            path.append(.close)
        default:
            let letter = String(UnicodeScalar(command))
            throw SVGFault("has a path with the command \(letter), which cannot be set")
        }
    }

    private mutating func line(to point: Point) {
        here = point
        path.append(.line(point))
    }

    private mutating func curve(_ first: Point, _ second: Point, _ end: Point) {
        control = second
        here = end
        path.append(.curve(first, second, end))
    }

    /// The same curve with two control points.
    private mutating func quadratic(_ middle: Point, _ end: Point) {
        let begin = here
        func towards(_ point: Point) -> Point {
            Point(x: (point.x + 2 * middle.x) / 3, y: (point.y + 2 * middle.y) / 3)
        }
        curve(towards(begin), towards(end), end)
        control = nil
        quadraticControl = middle
    }

    private func mirrored(_ point: Point) -> Point {
        Point(x: 2 * here.x - point.x, y: 2 * here.y - point.y)
    }

    // MARK: - Numbers

    private mutating func point(from origin: Point) throws(SVGFault) -> Point {
        let x = try number()
        return origin + Point(x: x, y: try number())
    }

    /// A number; `1.5.5` are two, and `1-2` as well.
    private mutating func number() throws(SVGFault) -> Double {
        skipSeparators()
        let begin = position
        if isAt("+-") { position += 1 }
        skipDigits()
        if isAt(".") {
            position += 1
            skipDigits()
        }
        if isAt("eE") {
            position += 1
            if isAt("+-") { position += 1 }
            skipDigits()
        }
        let text = String(decoding: characters[begin..<position], as: UTF8.self)
        guard let number = Double(text), number.isFinite else {
            throw SVGFault("has a path whose numbers cannot be read")
        }
        return number
    }

    private mutating func skipDigits() {
        while isAt("0123456789") { position += 1 }
    }

    private mutating func skipSeparators() {
        while isAt(" ,\t\n\r") { position += 1 }
    }

    private func isAt(_ set: StaticString) -> Bool {
        guard position < characters.count else { return false }
        return set.withUTF8Buffer { $0.contains(characters[position]) }
    }

    private static func isLetter(_ character: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(character | 0x20)
    }
}
