import EventLoop

/// An address to listen on, as the command line and the configuration write it.
enum ListenAddress {
    static func read(_ text: String, _ name: String) throws -> SocketAddress {
        guard let address = SocketAddress(text) else {
            throw UsageError(
                "\(name) must be an address and a port (127.0.0.1:8080, [::1]:0), not \"\(text)\""
            )
        }
        return address
    }
}
