import Digest
import Foundation
import Ledger
import Schema

/// Pins as `farebox ledger seals --json` prints them, one JSON object a line.
enum SealPinFile {
    static func read(_ path: String) throws -> [SealPin] {
        let text: String
        do {
            text = try String(contentsOf: URL(filePath: path), encoding: .utf8)
        } catch {
            throw CommandFailure("\(path) cannot be read: \(error.localizedDescription)")
        }
        var pins: [SealPin] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated() where !line.allSatisfy(\.isWhitespace)
        {
            guard let pin = pin(line) else {
                throw CommandFailure(
                    "\(path):\(index + 1) is no seal: account_id, last_version and hash are"
                        + " needed, as ledger seals --json prints them"
                )
            }
            pins.append(pin)
        }
        // An empty file would verify anything.
        guard !pins.isEmpty else { throw CommandFailure("\(path) has no pins") }
        return pins
    }

    private static func pin(_ line: Substring) -> SealPin? {
        guard let tree = try? JSONTree.reading(Data(line.utf8)),
            let account = tree["account_id"]?.text.flatMap({ AccountID($0) }),
            let version = tree["last_version"]?.integer,
            let hash = tree["hash"]?.text.flatMap({ SHA256Digest(hexadecimal: $0) })
        else { return nil }
        return SealPin(account: account, lastVersion: version, hash: hash)
    }
}
