import Digest
import FoundationEssentials

/// One numbered file of SQL, which never changes once it is anywhere applied.
package struct Migration: Sendable, Equatable {
    /// The number that the file's name begins with; the first one is 1.
    package let version: Int32
    /// The file's name without its ending: `0001_accounts`.
    package let name: String
    /// The statements, as many as the file has.
    package let text: String
    /// SHA-256 of the file, in hexadecimal.
    package let digest: String

    package init(version: Int32, name: String, text: String) {
        self.version = version
        self.name = name
        self.text = text
        digest = SHA256.hash(Array(text.utf8)).hexadecimal
    }

    /// Reads all `NNNN_name.sql` of a directory in order.
    ///
    /// Other files are left alone, but a `.sql` file of another name is refused, and so are two
    /// of one number and a number that is left out.
    package static func load(directory: String) throws(MigrationError) -> [Migration] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw .unreadable(path: directory)
        }
        var migrations: [Migration] = []
        for file in names.sorted() where file.hasSuffix(".sql") && !file.hasPrefix(".") {
            let version = try version(ofFile: file)
            guard version == Int32(migrations.count) + 1 else {
                if let last = migrations.last, last.version == version {
                    throw .duplicate(last.name, String(file.dropLast(4)))
                }
                throw .hole(missing: Int32(migrations.count) + 1)
            }
            let path = "\(directory)/\(file)"
            guard let data = FileManager.default.contents(atPath: path),
                let text = String(validating: data, as: UTF8.self)
            else { throw .unreadable(path: path) }
            migrations.append(
                Migration(version: version, name: String(file.dropLast(4)), text: text)
            )
        }
        return migrations
    }

    private static func version(ofFile file: String) throws(MigrationError) -> Int32 {
        let name = file.utf8.dropLast(4)
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        guard name.count > 5, name.prefix(4).allSatisfy(digits.contains),
            name.dropFirst(4).first == UInt8(ascii: "_"),
            name.dropFirst(5).allSatisfy({
                digits.contains($0) || letters.contains($0) || $0 == UInt8(ascii: "_")
            }),
            let version = Int32(file.prefix(4))
        else { throw .badName(file) }
        return version
    }
}

/// What `schema_migrations` says about one migration.
package struct AppliedMigration: Sendable, Equatable {
    package let version: Int32
    package let name: String
    package let digest: String
    package let appliedAt: Timestamp
}

/// Why a database and a set of migrations do not fit, or one of them fails.
package enum MigrationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A directory or a file cannot be read, or is not UTF-8.
    case unreadable(path: String)
    /// A `.sql` file whose name is not `NNNN_name.sql`.
    case badName(String)
    /// Two files of one number.
    case duplicate(String, String)
    /// A number that no file has, though a later one has.
    case hole(missing: Int32)
    /// The file is not the one that was applied.
    case changed(String)
    /// The database has one whose file is gone, and another one has its number.
    case missing(String)
    /// The database has one that is later than every file: it belongs to a newer Farebox.
    case unknown(String)
    /// The database has a later one, but not this one.
    case skipped(String)
    /// The database lacks what this program needs.
    case notApplied([String])
    /// The migration's own statements, or its commit, failed.
    case failed(String, message: String)
    /// The database failed, or cannot be reached.
    case database(message: String)
    /// The task was cancelled before anything was done.
    case cancelled

    package var description: String {
        switch self {
        case .unreadable(let path): "cannot read \(path)"
        case .badName(let file): "\(file) is not named like 0001_name.sql"
        case .duplicate(let first, let second): "\(first) and \(second) have one number"
        case .hole(let missing): "there is no migration number \(missing), but a later one"
        case .changed(let name):
            "\(name) was applied in another wording; applied files never change"
        case .missing(let name): "\(name) was applied, but its file is gone"
        case .unknown(let name): "the database has \(name), which this version does not know"
        case .skipped(let name): "\(name) was not applied, though later ones were"
        case .notApplied(let names):
            "the database lacks \(names.joined(separator: ", ")): run farebox migrate"
        case .failed(let name, let message): "\(name) failed: \(message)"
        case .database(let message): message
        case .cancelled: "cancelled"
        }
    }
}
