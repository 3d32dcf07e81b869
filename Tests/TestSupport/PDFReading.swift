import Foundation

/// What Debian's poppler-utils read from a PDF.
package struct PDFReading {
    package let text: String
    package let fonts: String
    package let facts: String

    package init(_ bytes: [UInt8]) throws {
        let file = try Self.write(bytes)
        defer { try? FileManager.default.removeItem(at: file) }
        text = try Self.run("pdftotext", "-layout", "-enc", "UTF-8", file.path, "-")
        fonts = try Self.run("pdffonts", file.path)
        facts = try Self.run("pdfinfo", "-isodates", file.path)
    }

    /// A list of the pictures in a PDF.
    package static func images(_ bytes: [UInt8]) throws -> String {
        let file = try write(bytes)
        defer { try? FileManager.default.removeItem(at: file) }
        return try run("pdfimages", "-list", file.path)
    }

    private static func write(_ bytes: [UInt8]) throws -> URL {
        let file = FileManager.default.temporaryDirectory
            .appending(path: "farebox-\(UUID().uuidString).pdf")
        try Data(bytes).write(to: file)
        return file
    }

    /// The pages' texts.
    package var pages: [Substring] {
        // Every page ends with a form feed.
        text.split(separator: "\u{0C}", omittingEmptySubsequences: false).dropLast()
    }

    private static func run(_ tool: String, _ arguments: String...) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/\(tool)")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        struct Failed: Error { let tool: String }
        guard process.terminationStatus == 0 else { throw Failed(tool: tool) }
        return String(decoding: data, as: UTF8.self)
    }
}
