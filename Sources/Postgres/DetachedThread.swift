import Glibc

/// A thread of the operating system, which may block as the threads of Swift's own pool must not.
enum DetachedThread {
    /// Runs a closure on a new thread, which ends with it, and returns the thread's identifier.
    @discardableResult
    static func start(_ body: @escaping @Sendable () -> Void) -> pthread_t {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        // Retained for the thread, which releases it when it begins.
        let context = Unmanaged.passRetained(ThreadBody(body)).toOpaque()
        let code = pthread_create(&thread, &attributes, runThreadBody, context)
        precondition(code == 0, "no thread for a connection: error \(code)")
        return thread
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func runThreadBody(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
    return nil
}
