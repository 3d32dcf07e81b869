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
                    secrets: [made.secret]
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

    @Test func `what a stopping process cuts off counts for nothing and still waits`()
        async throws
    {
        try await WebhookStage.run { stage in
            try await stage.listening { address in
                _ = try await stage.endpoint("http://\(address)/")
                stage.receiver.fallSilent()
                try await stage.exhaust("a")
                async let sent = stage.worker.sweep()
                while stage.receiver.messages.isEmpty {
                    try await Task.sleep(for: .milliseconds(10))
                }
                await stage.closeClient()
                #expect(try await sent == 1)
                stage.receiver.answer(204)
                let endpoint = try await WebhookEndpoints(stage.database).list().first
                #expect(endpoint?.pending == 1 && endpoint?.failingSince == nil)
                #expect(stage.worker.counts == DeliveryWorker.Counts())
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
                #expect(end?.failure?.contains("no address that the request admits") == true)
                #expect(stage.receiver.messages.isEmpty)
            }
        }
    }

    @Test func `what was delivered is forgotten after a month, and what waits is not`()
        async throws
    {
        try await WebhookStage.run { stage in
            let messages = WebhookMessages(stage.database)
            try await stage.listening { address in
                _ = try await stage.endpoint("http://\(address)/")
                try await stage.exhaust("a")
                try await stage.drain()
                #expect(stage.receiver.messages.count == 1)
                let endpoints = WebhookEndpoints(stage.database)
                let late = try await stage.endpoint("http://\(address)/late").endpoint.id
                _ = try await endpoints.setState(.disabled, of: late)
                try await stage.exhaust("b")
                try await stage.drain()
                let message = try #require(try await messages.list(account: "b").first)
                #expect(message.delivered == 1 && message.pending == 1)
                let then = stage.clock.now.adding(seconds: WebhookMessages.retentionSeconds + 60)
                #expect(try await messages.prune(at: stage.clock.now) == 0)
                _ = try await endpoints.setState(.enabled, of: late)
                #expect(try await messages.backlog().pending == 1)
                #expect(try await messages.prune(at: then) == 1)
                #expect(try await messages.list().map(\.id) == [message.id])
                // Nothing waits for an endpoint for ever.
                _ = try await endpoints.setState(.disabled, of: late)
                #expect(try await messages.prune(at: then) == 1)
                #expect(try await messages.list().isEmpty)
                #expect(try await messages.backlog() == WebhookMessages.Backlog())
            }
        }
    }

    @Test func `an endpoint that is deleted has no secret and cannot come back`() async throws {
        try await WebhookStage.run { stage in
            let endpoints = WebhookEndpoints(stage.database)
            let made = try await stage.endpoint("http://127.0.0.1:9/")
            _ = try await endpoints.setState(.deleted, of: made.endpoint.id)
            await #expect(throws: LedgerError.self) {
                _ = try await endpoints.setState(.enabled, of: made.endpoint.id)
            }
            #expect(try await endpoints.list().isEmpty)
            try await stage.exhaust("a")
            #expect(try await WebhookMessages(stage.database).list().map(\.pending) == [0])
        }
    }

    @Test func `a rotated secret and the one before both sign until the overlap ends`()
        async throws
    {
        try await WebhookStage.run { stage in
            try await stage.listening { address in
                let endpoints = WebhookEndpoints(stage.database)
                let made = try await stage.endpoint("http://\(address)/")
                let rotated = try await endpoints.rotate(
                    made.endpoint.id,
                    overlapSeconds: 60,
                    at: stage.clock.now
                )
                #expect(rotated.endpoint.secretRotatedAt != nil)
                #expect(rotated.secret.bytes != made.secret.bytes)
                // Sent again by a reload, it would end the secret that the receiver has.
                let again = await #expect(throws: LedgerError.self) {
                    _ = try await endpoints.rotate(
                        made.endpoint.id,
                        overlapSeconds: 60,
                        at: stage.clock.now
                    )
                }
                #expect(again?.code == .refused)
                try await stage.exhaust("a")
                try await stage.drain()
                stage.clock.advance(seconds: 61)
                try await stage.exhaust("b")
                try await stage.drain()
                let messages = stage.receiver.messages
                let good = [[rotated.secret, made.secret], [rotated.secret]]
                #expect(messages.count == good.count)
                for (message, secrets) in zip(messages, good) {
                    let expected = WebhookSignature(
                        id: message.id,
                        timestamp: message.timestamp,
                        body: message.body,
                        secrets: secrets
                    )
                    #expect(message.signature == expected.text)
                }
                await #expect(throws: LedgerError.self) {
                    _ = try await endpoints.setState(.deleted, of: made.endpoint.id)
                    _ = try await endpoints.rotate(
                        made.endpoint.id,
                        overlapSeconds: 0,
                        at: stage.clock.now
                    )
                }
            }
        }
    }

    @Test func `what became of a message is told endpoint by endpoint, attempt by attempt`()
        async throws
    {
        try await WebhookStage.run { stage in
            try await stage.listening { address in
                let made = try await stage.endpoint("http://\(address)/")
                stage.receiver.answer(500)
                try await stage.exhaust("a")
                try await stage.drain()
                let messages = WebhookMessages(stage.database)
                let first = try #require(try await messages.list().first)
                var delivery = try #require(try await messages.show(first.id).deliveries.first)
                #expect(delivery.state == .pending && delivery.dueAt != nil)
                #expect(delivery.attempts.map(\.failure) == ["the receiver answered 500"])
                stage.receiver.answer(204)
                stage.clock.advance(seconds: 60)
                try await stage.drain()
                let whole = try await messages.show(first.id)
                delivery = try #require(whole.deliveries.first)
                #expect(delivery.state == .delivered && delivery.dueAt == nil)
                #expect(delivery.attempts.map(\.number) == [2, 1])
                #expect(delivery.attempts.map(\.status) == [204, 500])
                #expect(stage.receiver.messages.last?.body == whole.body)
                // Pages of an endpoint follow each other, and each has the last attempt alone.
                try await stage.exhaust("b")
                let all = try await messages.deliveries(to: made.endpoint.id)
                #expect(all.map(\.state) == [.pending, .delivered])
                #expect(all.map(\.attempts.count) == [0, 1])
                let rest = try await messages.deliveries(
                    to: made.endpoint.id,
                    before: all.first?.message
                )
                #expect(rest == [all[1]])
                let waiting = try await messages.deliveries(to: made.endpoint.id, in: .pending)
                #expect(waiting == [all[0]])
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
