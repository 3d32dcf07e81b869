import Foundation

/// Where a command writes bytes to: standard output, or a file that is there whole or not at all.
struct OutputFile {
    private let path: String?
    private let handle: FileHandle

    /// Opens a file beside the one that is named, or standard output for nil.
    ///
    /// - Parameter isText: whether a terminal may be shown it.
    init(_ path: String?, isText: Bool) throws {
        self.path = path
        guard let path else {
            guard isText || isatty(STDOUT_FILENO) == 0 else {
                throw UsageError("this is not for a terminal: give --output FILE")
            }
            handle = .standardOutput
            return
        }
        let descriptor = open(Self.unfinished(path), O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0 else {
            throw CommandFailure("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    func write(_ bytes: [UInt8]) throws {
        do {
            try handle.write(contentsOf: Data(bytes))
        } catch {
            throw CommandFailure("\(path ?? "standard output") cannot be written: \(error)")
        }
    }

    /// Puts the file into its place.
    func finish() throws {
        guard let path else { return }
        try handle.close()
        guard rename(Self.unfinished(path), path) == 0 else {
            throw CommandFailure("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    /// Removes what was begun; a file that was there before stays.
    func discard() {
        guard let path else { return }
        unlink(Self.unfinished(path))
    }

    private static func unfinished(_ path: String) -> String { "\(path).unfinished" }
}
