import Foundation

/// The files of this checkout, read as text.
enum SourceTree {
    struct File {
        /// Relative to the root: `Sources/Schema/Pico.swift`.
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

        /// The folder under `Sources` or `Tests`.
        var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

        /// The modules that the file imports.
        var imports: [String] {
            lines.compactMap { line in
                let words = line.split(separator: " ")
                guard let index = words.firstIndex(of: "import"), index <= 2,
                    words.prefix(index).allSatisfy({ $0.hasPrefix("@") || $0 == "package" })
                else { return nil }
                return words.last.map(String.init)
            }
        }
    }

    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func files(under folder: String, ending suffix: String) throws -> [File] {
        let base = root.appending(path: folder)
        return try FileManager.default.subpathsOfDirectory(atPath: base.path())
            .filter { $0.hasSuffix(suffix) }
            .sorted()
            .map { name in
                let url = base.appending(path: name)
                return File(
                    path: "\(folder)/\(name)",
                    text: try String(contentsOf: url, encoding: .utf8)
                )
            }
    }
}
