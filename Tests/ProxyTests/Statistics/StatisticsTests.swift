import Testing

@testable import Proxy

@Suite("Counters of workers, proxies and the process")
struct StatisticsTests {
    @Test("the process's figure is the sum of its workers'")
    func sums() {
        let statistics = ProcessStatistics(workerCount: 3, startMicroseconds: 0)
        statistics.worker(0).requests.add()
        statistics.worker(2).requests.add(41)
        #expect(statistics.sum { $0.requests.value } == 42)
        #expect(statistics.sum { $0.connections.value } == 0)
    }

    @Test("a proxy has a row for each worker, and each field is its own")
    func rows() {
        let counters = ProxyCounters(workerCount: 2)
        for (index, field) in ProxyCounters.Field.allCases.enumerated() {
            counters.add(field, UInt64(index), on: 0)
            counters.add(field, 100, on: 1)
        }
        for (index, field) in ProxyCounters.Field.allCases.enumerated() {
            #expect(counters.value(field) == UInt64(index) + 100)
        }
        counters.clear()
        #expect(ProxyCounters.Field.allCases.allSatisfy { counters.value($0) == 0 })
    }

    @Test(
        "a status is counted by its class",
        arguments: [
            (Int32(100), ProxyCounters.Field.status1xx), (204, .status2xx), (304, .status3xx), (499, .status4xx),
            (500, .status5xx), (599, .status5xx), (600, .statusOther), (-1, .statusOther), (99, .statusOther),
        ])
    func statuses(status: Int32, field: ProxyCounters.Field) {
        let counters = ProxyCounters(workerCount: 1)
        counters.count(bytesIn: 3, bytesOut: 10, status: status, on: 0)
        #expect(counters.value(field) == 1)
        #expect(counters.value(.bytesOut) == 10 && counters.value(.bytesIn) == 3)
    }

    @Test("a gauge remembers its highest level and respects a limit")
    func gauges() {
        let gauge = Gauge()
        #expect(gauge.enter(maximum: 2) == 1)
        #expect(gauge.enter(maximum: 2) == 2)
        #expect(gauge.enter(maximum: 2) == nil)
        let (full, highest) = (gauge.current, gauge.maximum)
        #expect(full == 2 && highest == 2)
        gauge.leave()
        #expect(gauge.enter(maximum: 0) == 2)
        gauge.leave()
        gauge.leave()
        gauge.clearMaximum()
        let (empty, cleared) = (gauge.current, gauge.maximum)
        #expect(empty == 0 && cleared == 0)
    }

    @Test("rates are per second, whatever the time between two looks")
    func rates() {
        let statistics = ProcessStatistics(workerCount: 2, startMicroseconds: 0)
        let rates = RateSampler(statistics: statistics)
        statistics.worker(0).connections.add(30)
        statistics.worker(1).connections.add(20)
        rates.sample(elapsedMilliseconds: 1000)
        #expect(rates.connections.current == 50)
        statistics.worker(1).connections.add(20)
        rates.sample(elapsedMilliseconds: 2000)
        #expect(rates.connections.current == 10)
        #expect(rates.connections.maximum == 50)
        rates.sample(elapsedMilliseconds: 0)
        #expect(rates.connections.current == 0)
    }
}
