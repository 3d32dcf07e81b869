/// Writes an XML 1.0 document in UTF-8, element by element, indented by two spaces.
///
/// Well-formed whatever the texts hold: what XML reserves is escaped, and what it cannot hold at
/// all becomes U+FFFD.
package struct XMLWriter {
    package private(set) var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    private var depth = 0

    package init() {}

    /// An element that holds others; left out when nothing is written inside.
    package mutating func element(
        _ name: String,
        _ attributes: KeyValuePairs<String, String> = [:],
        _ content: (inout XMLWriter) -> Void
    ) {
        let before = text.utf8.count
        indent()
        open(name, attributes)
        text += ">\n"
        let begun = text.utf8.count
        depth += 1
        content(&self)
        depth -= 1
        guard text.utf8.count > begun else {
            text.removeSubrange(text.utf8.index(text.startIndex, offsetBy: before)...)
            return
        }
        indent()
        text += "</\(name)>\n"
    }

    /// An element that holds a text.
    package mutating func element(
        _ name: String,
        _ attributes: KeyValuePairs<String, String> = [:],
        text content: String
    ) {
        indent()
        open(name, attributes)
        text += ">"
        append(content, isAttribute: false)
        text += "</\(name)>\n"
    }

    private mutating func indent() {
        text += String(repeating: "  ", count: depth)
    }

    private mutating func open(_ name: String, _ attributes: KeyValuePairs<String, String>) {
        text += "<\(name)"
        for (key, value) in attributes {
            text += " \(key)=\""
            append(value, isAttribute: true)
            text += "\""
        }
    }

    private mutating func append(_ content: String, isAttribute: Bool) {
        for scalar in content.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"" where isAttribute: text += "&quot;"
            // A parser would turn these into spaces or line feeds.
            case "\r": text += "&#13;"
            case "\n" where isAttribute: text += "&#10;"
            case "\t" where isAttribute: text += "&#9;"
            case _ where Self.isAllowed(scalar): text.unicodeScalars.append(scalar)
            default: text += "\u{FFFD}"
            }
        }
    }

    /// XML 1.0 §2.2.
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }
}
