/// Why the journal refused or failed.
package struct JournalError: Error, Hashable, Sendable {
    /// What went wrong.
    package enum Code: Hashable, Sendable {
        /// Another process, or another opening in this one, holds the journal.
        case inUse
        /// The path can't be opened, or it holds something that is not a journal.
        case cannotOpen
        /// The file was written by a version with another format.
        case incompatible
        /// `enter` of an id that is open or was settled lately.
        case alreadyEntered
        /// `settle` of an id that was settled lately: the first settlement stands.
        case alreadySettled
        /// `revise`, `settle` or `discard` of an id without a draft. A settlement is kept all the same.
        case notEntered
        /// The payload is longer than `Journal.payloadBytesMax`.
        case payloadTooLarge
        /// More than `Journal.queueMax` requests wait for the disk.
        case queueFull
        /// The file system or the journal's own quota has no room.
        case diskFull
        /// Reading or writing failed; the extended result code of SQLite.
        case disk(Int32)
        /// The journal was closed.
        case closed
    }

    /// Whose doing it was.
    package enum Fault: Hashable, Sendable {
        case caller
        case us
    }

    package let code: Code
    /// What SQLite or the system said; never a payload.
    package let detail: String

    package init(_ code: Code, _ detail: String = "") {
        self.code = code
        self.detail = detail
    }

    package var fault: Fault {
        switch code {
        case .alreadyEntered, .alreadySettled, .notEntered, .payloadTooLarge: .caller
        case .inUse, .cannotOpen, .incompatible, .queueFull, .diskFull, .disk, .closed: .us
        }
    }

    /// Whether the same request may be made again: nothing of it was kept.
    package var isRetrySafe: Bool {
        switch code {
        case .inUse, .queueFull, .diskFull, .disk: true
        case .cannotOpen, .incompatible, .closed: false
        case .alreadyEntered, .alreadySettled, .notEntered, .payloadTooLarge: false
        }
    }

    /// Whether the disk is at fault, so that the next request would likely fail as well.
    var isOfDisk: Bool {
        switch code {
        case .diskFull, .disk: true
        default: false
        }
    }
}

extension JournalError: CustomStringConvertible {
    package var description: String {
        let reason =
            switch code {
            case .inUse: "the journal is open in another process"
            case .cannotOpen: "the journal cannot be opened"
            case .incompatible: "the journal has the format of another version"
            case .alreadyEntered: "the call is in the journal already"
            case .alreadySettled: "the call was settled already"
            case .notEntered: "the call has no draft in the journal"
            case .payloadTooLarge: "the payload is too large for the journal"
            case .queueFull: "too many requests wait for the journal"
            case .diskFull: "the journal has no room"
            case .disk(let code): "the journal's disk fails (SQLite \(code))"
            case .closed: "the journal is closed"
            }
        return detail.isEmpty ? reason : "\(reason): \(detail)"
    }
}
