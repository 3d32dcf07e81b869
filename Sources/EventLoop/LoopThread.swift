import CLinux
import Glibc

/// The identity of the calling thread.
///
/// Never inlined; see `EventLoop.isCurrent`.
@inline(never)
func currentThread() -> UInt {
    UInt(pthread_self())
}

/// Starts a detached thread of its own with a name that tools show (15 bytes of it).
func startThread(
    named name: String,
    _ body: @escaping @Sendable () -> Void
) throws(SystemError) {
    let start = ThreadStart(name: name, body: body)
    // Retained until the thread takes it over.
    let context = Unmanaged.passRetained(start)
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let code = pthread_create(&thread, &attributes, threadMain, context.toOpaque())
    guard code == 0 else {
        context.release()
        throw SystemError(call: "pthread_create", code: code)
    }
}

private final class ThreadStart {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

private func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    let start = Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue()
    pthread_setname_np(pthread_self(), String(start.name.utf8.prefix(15)) ?? "loop")
    start.body()
    return nil
}
