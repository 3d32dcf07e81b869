import CCurl
import EventLoop

/// Sends HTTP requests by libcurl on one loop, over connections that are kept and reused.
///
/// Made anywhere, used on its loop only, and closed there before the loop stops. Certificates are
/// always verified; redirects, proxies of the environment and cookies are not followed or used.
/// Plain upstreams speak HTTP/1.1.
package final class CurlClient {
    package let configuration: CurlConfiguration
    private let multi: MultiHandle

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
        self.configuration = configuration
        multi = try MultiHandle(loop: loop, configuration: configuration)
    }

    /// What the client has done so far.
    package var counters: CurlCounters { multi.counters }

    /// Sends a request and returns when the final response head has arrived.
    ///
    /// Any status is a response. Cancelling the task cancels the transfer.
    ///
    /// A request may reach an upstream more than once: when a reused connection dies without an
    /// answer, curl sends again on a fresh one, at most five times; `resendWindow` bounds this for
    /// methods that are not idempotent, and `resendCount` and the counters tell of it.
    package func send(_ request: CurlRequest) async throws(CurlError) -> CurlResponse {
        multi.loop.preconditionCurrent()
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
        multi.close()
    }

    private func start(_ request: CurlRequest) throws(CurlError) -> Transfer {
        if multi.isClosed { throw .closed(isRetrySafe: true) }
        if let flaw = request.flaw {
            throw CurlError(.invalidRequest, isRetrySafe: true, detail: flaw)
        }
        let handle = try multi.takeHandle(for: HandleTarget(request), configuration)
        let transfer = Transfer(
            request,
            handle: handle,
            multi: multi,
            configuration: configuration
        )
        do throws(CurlError) {
            try handle.prepare(for: transfer, connectTimeout: request.timeouts.connect)
            try multi.add(transfer)
        } catch {
            multi.discard(handle)
            throw error
        }
        return transfer
    }
}

/// Done once, by whoever makes the first client; this curl's is safe from any thread.
private let globalInitialization = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

private let resolvesWithoutBlocking: Bool = {
    guard let version = curl_version_info(farebox_version_now) else { return false }
    return version.pointee.features & CURL_VERSION_ASYNCHDNS != 0
}()
