import Foundation
import Schema

/// Reads secrets, which a configuration file names and never has: `{"env": "NAME"}` or
/// `{"file": "PATH"}`.
struct SecretReader {
    private let reader: ConfigurationReader
    private let environment: [String: String]

    init(_ reader: ConfigurationReader, _ environment: [String: String]) {
        self.reader = reader
        self.environment = environment
    }

    func read(_ tree: JSONTree, at path: String) -> Secret? {
        let fields = reader.object(tree, at: path, known: ["env", "file"])
        guard fields.count == 1 else {
            reader.fault(path, "must be {\"env\": \"NAME\"} or {\"file\": \"PATH\"}")
            return nil
        }
        if let name = reader.text(fields["env"], at: "\(path).env") {
            guard let value = environment[name], !value.isEmpty else {
                reader.fault("\(path).env", "the environment has no \(name)")
                return nil
            }
            return Secret(value)
        }
        guard let file = reader.text(fields["file"], at: "\(path).file") else { return nil }
        guard let text = try? String(contentsOf: URL(filePath: file), encoding: .utf8) else {
            reader.fault("\(path).file", "\(file) cannot be read")
            return nil
        }
        return Secret(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
