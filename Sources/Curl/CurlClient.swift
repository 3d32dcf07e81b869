import CCurl
import EventLoop

/// Sends HTTP/1.1 requests on one loop, over connections that libcurl makes and that are kept.
///
/// Made anywhere, used on its loop only, and closed there before the loop stops. Certificates are
/// always verified; redirects, proxies of the environment and cookies are not followed or used.
package final class CurlClient {
    private let pool: ConnectionPool

    package init(
        loop: EventLoop,
        configuration: CurlConfiguration = CurlConfiguration()
    ) throws(CurlError) {
        guard globalInitialization == CURLE_OK else {
            throw CurlError(.unexpected, detail: "curl could not be initialized")
        }
        guard resolvesWithoutBlocking else {
            throw CurlError(.unexpected, detail: "this curl looks names up on the caller's thread")
        }
        pool = try ConnectionPool(loop: loop, configuration: configuration)
    }

    package var configuration: CurlConfiguration { pool.configuration }

    /// What the client has done so far.
    package var counters: CurlCounters { pool.counters }

    /// Sends a request and returns when the final response head has arrived.
    ///
    /// Any status is a response. Cancelling the task cancels the transfer.
    ///
    /// A request may reach an upstream twice: when a reused connection dies without an answer, it
    /// is sent again on a fresh one; `resendWindow` bounds this for methods that are not
    /// idempotent, and `resendCount` and the counters tell of it.
    package func send(_ request: CurlRequest) async throws(CurlError) -> CurlResponse {
        pool.loop.preconditionCurrent()
        let transfer = try start(request)
        while true {
            if let head = transfer.machine.head {
                return CurlResponse(head, transfer: transfer)
            }
            if transfer.machine.phase == .ended, let failure = transfer.machine.failure {
                throw failure
            }
            await transfer.change()
        }
    }

    /// Ends every transfer with `.closed` and closes every connection; nothing can be sent after.
    package func close() {
        pool.close()
    }

    private func start(_ request: CurlRequest) throws(CurlError) -> Transfer {
        if pool.isClosed { throw .closed(isRetrySafe: true) }
        if let flaw = request.flaw {
            throw CurlError(.invalidRequest, isRetrySafe: true, detail: flaw)
        }
        return try pool.start(request)
    }
}

/// Done once, by whoever makes the first client; this curl's is safe from any thread.
private let globalInitialization = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

private let resolvesWithoutBlocking: Bool = {
    guard let version = curl_version_info(farebox_version_now) else { return false }
    return version.pointee.features & CURL_VERSION_ASYNCHDNS != 0
}()
