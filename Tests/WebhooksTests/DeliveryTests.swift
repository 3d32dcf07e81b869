import EventLoop
import Ledger
import Schema
import TestSupport
import Testing

@testable import Webhooks

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct DeliveryTests {
    @Test func `a receiver that was down for an hour gets every event once it is back`()
        async throws
    {
        try await WebhookStage.run { stage in
            var address: SocketAddress?
            try await stage.listening { address = $0 }
            let place = try #require(address)
            let made = try await stage.endpoint("http://\(place)/hook")
            let slugs = ["a", "b", "c"]
            for minute in 0..<60 {
                if minute % 20 == 0 { try await stage.exhaust(slugs[minute / 20]) }
                try await stage.drain()
                stage.clock.advance(seconds: 60)
            }
            #expect(stage.receiver.messages.isEmpty)
            #expect(try await WebhookEndpoints(stage.database).list().first?.failingSince != nil)
            try await stage.listening(on: "\(place)") { _ in
                // At most an hour until the first try, which brings all the others along.
                for _ in 0..<60 where stage.receiver.messages.count < slugs.count {
                    stage.clock.advance(seconds: 60)
                    try await stage.drain()
                }
                try await stage.drain()
            }
            let messages = stage.receiver.messages
            #expect(messages.count == 3 && Set(messages.map(\.id)).count == 3)
            for slug in slugs {
                let count = messages.count { $0.body.contains(#""account": "\#(slug)""#) }
                #expect(count == 1)
            }
            for message in messages {
                let signature = WebhookSignature(
                    id: message.id,
                    timestamp: message.timestamp,
                    body: message.body,
                    secret: made.secret
                )
                #expect(message.signature == signature.text)
            }
            let endpoint = try await WebhookEndpoints(stage.database).list().first
            #expect(endpoint?.pending == 0 && endpoint?.failingSince == nil)
        }
    }

    @Test func `what was received and not recorded comes again with the same id`() async throws {
        try await WebhookStage.run { stage in
            try await stage.listening { address in
                _ = try await stage.endpoint("http://\(address)/")
                try await stage.exhaust("a")
                // Claimed by a process that died before it could send or record.
                let queue = DeliveryQueue(stage.database)
                let lost = try await queue.claim(at: stage.clock.now, limit: 9, without: [])
                #expect(lost.count == 1)
                try await stage.drain()
                #expect(stage.receiver.messages.isEmpty)
                stage.clock.advance(seconds: DeliveryQueue.claimSeconds)
                try await stage.drain()
                #expect(stage.receiver.messages.map(\.id) == lost.map { "msg_\($0.message)" })
                // The dead one's late word changes nothing.
                try await queue.record(
                    AttemptEnd(failure: "late"),
                    of: try #require(lost.first),
                    at: stage.clock.now
                )
                #expect(try await WebhookEndpoints(stage.database).list().first?.pending == 0)
                _ = try await WebhookEndpoints(stage.database).redeliver(
                    try #require(lost.first).message,
                    at: stage.clock.now
                )
                try await stage.drain()
                #expect(stage.receiver.messages.count == 2)
                #expect(Set(stage.receiver.messages.map(\.id)).count == 1)
            }
        }
    }

    @Test func `a name that stands for a private address is not connected to`() async throws {
        try await WebhookStage.run { stage in
            try await stage.listening { address in
                let made = try await stage.endpoint("http://localhost:\(address.port)/")
                let queue = DeliveryQueue(stage.database)
                try await stage.exhaust("a")
                let claimed = try await queue.claim(at: stage.clock.now, limit: 9, without: [])
                #expect(claimed.map(\.endpoint) == [made.endpoint.id])
                let end = await stage.worker.end(of: try #require(claimed.first).made(public: true))
                #expect(end.failure?.contains("no address that the request admits") == true)
                #expect(stage.receiver.messages.isEmpty)
            }
        }
    }

    @Test func `an endpoint that says it is gone is asked no more`() async throws {
        try await WebhookStage.run { stage in
            try await stage.listening { address in
                _ = try await stage.endpoint("http://\(address)/")
                stage.receiver.answer(410)
                try await stage.exhaust("a")
                try await stage.drain()
                try await stage.exhaust("b")
                stage.clock.advance(seconds: 7_200)
                try await stage.drain()
                #expect(stage.receiver.messages.count == 1)
                let endpoint = try await WebhookEndpoints(stage.database).list().first
                #expect(endpoint?.state == .disabled)
            }
        }
    }
}

extension ClaimedDelivery {
    /// The same, to an endpoint that may not be private.
    fileprivate func made(public isPublic: Bool) -> ClaimedDelivery {
        var copy = self
        copy.isPrivate = !isPublic
        return copy
    }
}
