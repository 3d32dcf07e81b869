import EventLoop

/// A response whose head has arrived and whose body is read piece by piece.
///
/// It belongs to its client's loop. Dropped before its end, it cancels the transfer.
package final class CurlResponse {
    /// The final status, 200 or above; an error status is a response like any other.
    package let status: Int
    /// Fields in order, names lower-cased, bytes that are not UTF-8 replaced.
    package let fields: [(name: String, value: String)]
    private let transfer: Transfer

    init(_ head: ResponseHead, transfer: Transfer) {
        status = head.status
        fields = head.fields
        self.transfer = transfer
    }

    deinit {
        transfer.cancelFromAnywhere()
    }

    /// How often curl sent the request again because a reused connection died without an answer.
    package var resendCount: Int { transfer.machine.resendCount }

    /// The first value of a field, by its lower-case name.
    package func field(_ name: String) -> String? {
        fields.first { $0.name == name }?.value
    }

    /// Everything received and not read yet, waiting for at least one byte; nil at the end.
    ///
    /// The transfer pauses while more than `bufferBytesMax` is unread, which stops the upstream
    /// once the kernel's buffers are full, and goes on when this is called. Cancelling the task
    /// that waits here cancels the transfer. What came before a failure is given before it.
    package func next() async throws(CurlError) -> [UInt8]? {
        transfer.multi.loop.preconditionCurrent()
        while true {
            switch transfer.deliver() {
            case .bytes(let bytes): return bytes
            case .end: return nil
            case .failure(let error): throw error
            case .nothing: await transfer.change()
            }
        }
    }

    /// Ends the transfer and closes its connection; `next` then throws `.cancelled`.
    ///
    /// Harmless after the end, except that a body that was not read to its end stays unread.
    package func cancel() {
        transfer.multi.loop.preconditionCurrent()
        transfer.cancel()
    }
}
