// A contract that uses most of what there is, for the tests of this room.
#pragma once

inline constexpr const char* clients_yaml = R"(apiVersion: v3.1.0
kind: DataContract
version: 1.2.0
id: brokerage-clients
status: active
domain: brokerage
description: {purpose: Who trades with us}
servers:
  - server: broker
    type: custom
    format: sqlite
    path: /srv/broker.db
schema:
  - name: clients
    physicalName: CLIENTS
    properties:
      - name: client_id
        logicalType: integer
        required: true
        primaryKey: true
      - name: born
        physicalName: birth_date
        logicalType: date
        logicalTypeOptions: {format: dd/MM/yyyy}
      - name: profile
        logicalType: string
        quality:
          - metric: invalidValues
            arguments: {validValues: [low, medium, high]}
            mustBeLessOrEqualTo: 1
            unit: percent
            severity: warning
      - name: income
        logicalType: number
        physicalType: decimal(12,2)
        classification: confidential
        logicalTypeOptions: {minimum: 0}
      - name: updated_at
        logicalType: timestamp
        required: true
    quality:
      - metric: rowCount
        mustBeBetween: [1, 100000]
      - type: sql
        name: adults
        query: SELECT count(*) FROM {object} WHERE born > DATE '2020-01-01'
        mustBe: 0
      - metric: duplicateValues
        mustBe: 0
    customProperties:
      - {property: batuta.mode, value: incremental}
      - {property: batuta.watermark, value: updated_at}
      - {property: batuta.overlap, value: 15m}
      - {property: batuta.newest, value: updated_at}
      - {property: batuta.history, value: true}
slaProperties:
  - {property: retention, value: 3, unit: y}
team:
  name: broker-team
  members:
    - {username: joao, role: analyst}
    - {username: maria, role: Data Owner}
)";
