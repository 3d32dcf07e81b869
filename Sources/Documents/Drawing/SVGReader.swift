extension Drawing {
    /// Reads an SVG of filled paths: an `svg` element with a `viewBox`, and `path` elements with
    /// `d` and a `fill` of `#rgb` or `#rrggbb`.
    ///
    /// Whatever else could change the picture is refused, never left out: an editor's "convert to
    /// paths" and "flatten" make any logo such a file.
    package init(svg text: String) throws(SVGFault) {
        var reader = SVGReader(text)
        try reader.read()
        guard let size = reader.size else { throw SVGFault("has no svg element with a viewBox") }
        guard !reader.shapes.isEmpty else { throw SVGFault("has no path") }
        self.init(origin: size.origin, width: size.width, height: size.height, reader.shapes)
    }
}

/// Why an SVG is not a drawing that can be set.
package struct SVGFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Walks over the tags of an SVG file.
private struct SVGReader {
    struct Size {
        let origin: Point
        let width: Double
        let height: Double
    }

    /// Elements that say something about a picture and draw nothing.
    private static let silentElements: Set<String> = ["svg", "title", "desc", "metadata", "path"]
    private static let silentAttributes: Set<String> = [
        "id", "version", "width", "height", "viewBox", "fill", "d", "role", "aria-label",
        "xml:space", "preserveAspectRatio",
    ]

    private(set) var size: Size?
    private(set) var shapes: [Drawing.Shape] = []
    private var rest: Substring

    init(_ text: String) {
        rest = text[...]
    }

    mutating func read() throws(SVGFault) {
        while let begin = rest.firstIndex(of: "<") {
            rest = rest[begin...].dropFirst()
            if rest.hasPrefix("!--") {
                try skip(past: "-->")
            } else if rest.hasPrefix("?") {
                try skip(past: "?>")
            } else if rest.hasPrefix("!") || rest.hasPrefix("/") {
                try skip(past: ">")
            } else {
                try readElement()
            }
        }
    }

    private mutating func skip(past end: String) throws(SVGFault) {
        while !rest.isEmpty {
            if rest.hasPrefix(end) {
                rest = rest.dropFirst(end.count)
                return
            }
            rest = rest.dropFirst()
        }
        throw SVGFault("ends within a tag")
    }

    private mutating func readElement() throws(SVGFault) {
        let name = String(rest.prefix { !$0.isWhitespace && $0 != ">" && $0 != "/" })
        rest = rest.dropFirst(name.count)
        guard Self.silentElements.contains(name) else {
            throw SVGFault("has an element <\(name)>: only filled paths can be set")
        }
        let attributes = try readAttributes(of: name)
        switch name {
        case "svg": try readSize(attributes)
        case "path": shapes.append(try shape(attributes))
        default: break
        }
    }

    private mutating func readAttributes(of name: String) throws(SVGFault) -> [String: String] {
        var attributes: [String: String] = [:]
        while true {
            rest = rest.drop { $0.isWhitespace || $0 == "/" }
            if rest.first == ">" {
                rest = rest.dropFirst()
                return attributes
            }
            let key = String(rest.prefix { $0 != "=" && !$0.isWhitespace && $0 != ">" })
            rest = rest.dropFirst(key.count).drop(while: \.isWhitespace)
            guard !key.isEmpty, rest.first == "=" else { throw SVGFault("ends within a tag") }
            rest = rest.dropFirst().drop(while: \.isWhitespace)
            guard let quote = rest.first, quote == "\"" || quote == "'",
                let end = rest.dropFirst().firstIndex(of: quote)
            else { throw SVGFault("has an attribute \(key) without quotes") }
            let isNamespace = key == "xmlns" || key.hasPrefix("xmlns:")
            guard Self.silentAttributes.contains(key) || isNamespace else {
                throw SVGFault("has an attribute \(key) of <\(name)>, which cannot be set")
            }
            attributes[key] = String(rest[..<end].dropFirst())
            rest = rest[end...].dropFirst()
        }
    }

    private mutating func readSize(_ attributes: [String: String]) throws(SVGFault) {
        let numbers = (attributes["viewBox"] ?? "")
            .split { $0 == " " || $0 == "," }.compactMap { Double($0) }
        guard size == nil, numbers.count == 4, numbers.allSatisfy(\.isFinite), numbers[2] > 0,
            numbers[3] > 0
        else { throw SVGFault("needs one svg element with a viewBox of four numbers") }
        size = Size(
            origin: Point(x: numbers[0], y: numbers[1]),
            width: numbers[2],
            height: numbers[3]
        )
    }

    private func shape(_ attributes: [String: String]) throws(SVGFault) -> Drawing.Shape {
        let fill = attributes["fill"] ?? "#000000"
        guard let ink = Ink(hexadecimal: fill) else {
            throw SVGFault("has a path with the fill \(fill): #rgb or #rrggbb")
        }
        var path = PathReader(attributes["d"] ?? "")
        return Drawing.Shape(path: try path.steps(), ink: ink)
    }
}

extension Ink {
    /// `#rgb` or `#rrggbb`.
    fileprivate init?(hexadecimal text: String) {
        guard text.hasPrefix("#") else { return nil }
        var digits = String(text.dropFirst())
        if digits.count == 3 { digits = digits.map { "\($0)\($0)" }.joined() }
        guard digits.count == 6, digits.allSatisfy(\.isHexDigit),
            let code = UInt32(digits, radix: 16)
        else { return nil }
        self.init(code)
    }
}
