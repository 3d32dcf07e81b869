import Foundation

/// Writes a line to standard output at once, whoever reads it.
func say(_ text: String) {
    FileHandle.standardOutput.write(Data("\(text)\n".utf8))
}

/// Writes one message to standard error.
func complain(_ message: String) {
    FileHandle.standardError.write(Data("farebox: \(message)\n".utf8))
}
