import Foundation
import Testing

/// The rules of the code that the compiler does not hold.
@Suite struct SourceTests {
    static let lineCountMax = 500

    /// The one module that may import each C library.
    static let owners = [
        "CLinux": "EventLoop", "CCurl": "Curl", "CPostgres": "Postgres", "CSQLite": "Journal",
        "CCrypto": "Digest", "CPango": "Documents",
    ]

    /// What each module may import of ours: the arrows of ARCHITECTURE.md.
    static let arrows: [String: Set<String>] = [
        "Schema": [],
        "Digest": [],
        "EventLoop": [],
        "HTTPServer": ["EventLoop"],
        "Curl": ["EventLoop"],
        "Postgres": ["Digest"],
        "Journal": [],
        "Documents": [],
        "Formats": ["Schema", "Tokenizer"],
        "Tokenizer": [],
        "Ledger": ["Schema", "Postgres", "Digest"],
        "Billing": ["Schema", "Ledger", "Postgres", "Digest", "Documents"],
        "Shapes": ["Schema", "Ledger", "Billing", "Digest"],
        "Payments": [
            "Schema", "Ledger", "Billing", "Postgres", "Curl", "EventLoop", "Digest",
        ],
        "Console": [
            "Schema", "Ledger", "Billing", "Payments", "Shapes", "HTTPServer", "EventLoop",
            "Digest",
        ],
        "Webhooks": ["Schema", "Ledger", "Postgres", "Curl", "EventLoop"],
        "Ingress": [
            "Schema", "Formats", "Tokenizer", "Ledger", "Billing", "HTTPServer", "Curl",
            "Journal", "EventLoop", "Digest",
        ],
    ]

    /// Modules that own threads or pointers, where the compiler cannot see what protects them.
    static let unsafeModules: Set<String> = ["EventLoop", "Curl", "Postgres", "Journal"]

    @Test func `imports run downwards only`() throws {
        for file in try SourceTree.files(under: "Sources", ending: ".swift") {
            guard let allowed = Self.arrows[file.module] else { continue }
            for name in file.imports where Self.arrows[name] != nil {
                #expect(allowed.contains(name), "\(file.path) imports \(name)")
            }
        }
    }

    @Test func `a C library stops at its one module`() throws {
        for file in try SourceTree.files(under: "Sources", ending: ".swift") {
            for name in file.imports {
                guard let owner = Self.owners[name] else { continue }
                #expect(file.module == owner, "\(file.path) imports \(name)")
            }
        }
    }

    @Test(arguments: ["Sources", "Tests", "Fuzz"])
    func `no file is longer than five hundred lines`(folder: String) throws {
        for file in try SourceTree.files(under: folder, ending: ".swift") {
            #expect(file.lines.count <= Self.lineCountMax + 1, "\(file.path)")
        }
    }

    @Test func `nothing is forced`() throws {
        for file in try SourceTree.files(under: "Sources", ending: ".swift") {
            for word in ["try!", "as!", "fatalError("] {
                #expect(!file.text.contains(word), "\(file.path) has \(word)")
            }
        }
    }

    @Test func `unchecked sendability names its protector, in four modules only`() throws {
        for file in try SourceTree.files(under: "Sources", ending: ".swift") {
            for (index, line) in file.lines.enumerated()
            where line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe)") {
                if line.drop(while: { $0 == " " }).hasPrefix("//") { continue }
                #expect(
                    Self.unsafeModules.contains(file.module),
                    "\(file.path):\(index + 1) is unsafe"
                )
                let before = file.lines[..<index].last { !$0.hasPrefix("@") } ?? ""
                #expect(
                    before.contains("//"),
                    "\(file.path):\(index + 1) does not say what protects it"
                )
            }
        }
    }

    @Test(arguments: ["Schema", "Ledger", "Billing"])
    func `no floating point comes near money`(module: String) throws {
        for file in try SourceTree.files(under: "Sources/\(module)", ending: ".swift") {
            for line in file.lines where !line.drop(while: { $0 == " " }).hasPrefix("//") {
                let words = line.split { !$0.isLetter && !$0.isNumber }
                let floats = words.filter { ["Double", "Float", "CGFloat"].contains($0) }
                #expect(floats.isEmpty, "\(file.path): \(line)")
            }
        }
    }

    @Test func `the manifest has no package dependency`() throws {
        let manifest = SourceTree.root.appending(path: "Package.swift")
        let text = try String(contentsOf: manifest, encoding: .utf8)
        #expect(!text.contains(".package("))
    }
}
