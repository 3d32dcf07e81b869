import CLinux
import Glibc

/// A port that is kept for listeners with `reusePort`: the one that was named, or the kernel's
/// choice, which several loops could not agree on otherwise.
///
/// The socket is bound and never listens: connections go to those that do.
package final class PortReservation: Sendable {
    /// The address with the chosen port.
    package let address: SocketAddress
    private let descriptor: Int32

    /// Binds to the address, whose port may be zero.
    ///
    /// A port that another process listens on is refused, even if that one would share it: two
    /// servers by mistake on one port would each answer half of the calls.
    package init(_ address: SocketAddress) throws(SystemError) {
        if address.port != 0 {
            Glibc.close(try Self.bind(address, sharing: SO_REUSEADDR))
        }
        descriptor = try Self.bind(address, sharing: SO_REUSEPORT)
        do throws(SystemError) {
            self.address = try SocketAddress(of: descriptor, call: "getsockname") {
                getsockname($0, $1, $2)
            }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    deinit { Glibc.close(descriptor) }

    private static func bind(
        _ address: SocketAddress,
        sharing option: Int32
    ) throws(SystemError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.family, type, 0)
        guard descriptor >= 0 else { throw SystemError.last("socket") }
        var isOn: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard setsockopt(descriptor, SOL_SOCKET, option, &isOn, size) == 0,
            address.withUnsafeAddress({ Glibc.bind(descriptor, $0, $1) }) == 0
        else {
            let error = SystemError.last("bind")
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }
}
