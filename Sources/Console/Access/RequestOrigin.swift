import EventLoop
import HTTPServer

/// Keeps web pages from using the browser of somebody who may use the console.
///
/// A page of another site can make a browser send requests here, and with a name of its own that
/// leads to this address it can even read the answers. Neither carries what is asked for here.
enum RequestOrigin {
    /// Why the request is refused; nil for one that is no other site's.
    static func refusal(_ request: ConsoleRequest) -> String? {
        guard request.method != ConsoleRequest.Method.get.rawValue else { return nil }
        if request.fields["sec-fetch-site"] == "cross-site" || hasOtherOrigin(request) {
            return "the request was made by a page of another site"
        }
        return nil
    }

    /// Whether a browser says that the page came from elsewhere; other programs say nothing.
    private static func hasOtherOrigin(_ request: ConsoleRequest) -> Bool {
        guard let origin = request.fields["origin"], let host = request.fields["host"] else {
            return false
        }
        return origin != "http://\(host)" && origin != "https://\(host)"
    }

    /// Whether a `Host` names this machine by a name that nobody else can define.
    static func isLoopbackName(_ host: String) -> Bool {
        let name = host.lowercased()
        if SocketAddress(name)?.isLoopback == true { return true }
        let bare = name.split(separator: ":").first.map(String.init) ?? name
        return bare == "localhost" || SocketAddress("\(name):80")?.isLoopback == true
    }
}
