import Foundation

/// Writes one message to standard error.
func complain(_ message: String) {
    FileHandle.standardError.write(Data("farebox: \(message)\n".utf8))
}
