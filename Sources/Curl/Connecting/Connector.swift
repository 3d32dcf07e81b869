import CCurl
import EventLoop

/// Makes connections by libcurl, which looks names up, tries addresses and negotiates TLS.
///
/// HTTP is not curl's here: a transfer of its own cost a third of a call, and tens of kilobytes for
/// as long as it ran.
final class Connector {
    /// How many connections with TLS stay in one multi handle, which curl searches at each read.
    private static let secureCountMax = 32

    private let loop: EventLoop
    private let configuration: CurlConfiguration
    private let share: UnsafeMutableRawPointer
    private var multis: [MultiHandle] = []

    init(loop: EventLoop, configuration: CurlConfiguration) throws(CurlError) {
        guard let share = curl_share_init() else {
            throw CurlError(.resources, detail: "curl has no memory for a share handle")
        }
        self.loop = loop
        self.configuration = configuration
        self.share = share
        for data in [CURL_LOCK_DATA_DNS, CURL_LOCK_DATA_SSL_SESSION] {
            guard farebox_share_set_data(share, data) == CURLSHE_OK else {
                curl_share_cleanup(share)
                throw CurlError(.unexpected, detail: "this curl shares nothing")
            }
        }
    }

    /// Begins a connection; `completion` is called once, later, unless the handle is ended before.
    func connect(
        to origin: Origin,
        for transfer: Transfer,
        completion: @escaping (Result<any ByteStream, CurlError>) -> Void
    ) throws(CurlError) -> EasyHandle {
        let multi = try multi(for: origin)
        let handle = try EasyHandle(
            ConnectOptions(
                url: origin.name.url,
                isSecure: origin.isSecure,
                caFile: origin.name.caFile,
                timeout: transfer.connectTimeout,
                addressLifetime: configuration.addressLifetime,
                share: share,
                receiveBufferBytes: configuration.receiveBufferBytes ?? 0
            ),
            multi: multi,
            admits: transfer.admits,
            completion: completion
        )
        try multi.add(handle)
        return handle
    }

    private func multi(for origin: Origin) throws(CurlError) -> MultiHandle {
        let found = multis.first { !origin.isSecure || $0.secureCount < Self.secureCountMax }
        if let found { return found }
        let multi = try MultiHandle(loop: loop)
        multis.append(multi)
        return multi
    }

    /// Called when every handle has ended.
    func close() {
        for multi in multis { multi.close() }
        multis = []
        curl_share_cleanup(share)
    }
}
