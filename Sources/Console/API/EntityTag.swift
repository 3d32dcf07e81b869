import Digest
import Schema

/// What tells two states of one thing apart (RFC 9110 §8.8.3): a hash of what is shown of it.
enum EntityTag {
    static func of(_ node: JSONNode) -> String {
        "\"\(SHA256.hash(node.line.utf8).hexadecimal.prefix(32))\""
    }
}

extension APICall {
    /// Throws 412 unless the caller does not care, or has seen what is there now.
    func requireMatch(_ tag: String) throws {
        guard let ifMatch, ifMatch != "*" else { return }
        let seen = ifMatch.split(separator: ",").map { part in
            String(part).trimmingSpaces
        }
        guard seen.contains(tag) else {
            throw Problem(412, "it was changed meanwhile: read it again, and decide again")
        }
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        let head = drop { $0 == " " }
        return String(head.reversed().drop { $0 == " " }.reversed())
    }
}
