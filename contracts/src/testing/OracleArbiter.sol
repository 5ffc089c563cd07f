// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../IArbiter.sol";

/// @title An arbiter that is told what is true
/// @notice For tests and simulations of jobs without a graph, in which no game can be played. Who would lose has lost once the claim's
/// response period is over, and whoever would take a seat has taken it.
contract OracleArbiter is IArbiter {
    struct Party {
        address account;
        uint48 until; // the game is over from the block after it
    }

    struct Claim {
        address solver;
        uint32 responsePeriod;
        Party[] seats;
        Party[] challengers;
        mapping(address account => bool) known;
    }

    /// @notice Claims of these entries are false.
    mapping(bytes32 entryHash => bool) public isFalse;
    /// @notice Accounts that lose every game that they play.
    mapping(address account => bool) public isAbsent;
    /// @notice What the moves of a challenger are said to have used.
    uint256 public gas;

    mapping(address court => mapping(bytes32 entryHash => Claim)) private claims;
    /// @dev Plus 1.
    mapping(bytes32 entryHash => mapping(address challenger => uint16)) private passes;

    function tell(bytes32 entryHash, bool falseClaim) external {
        isFalse[entryHash] = falseClaim;
    }

    function silence(address account, bool absent) external {
        isAbsent[account] = absent;
    }

    /// @notice Who challenges that entry in vain is told that its lie is another replica's.
    function pass(bytes32 entryHash, address challenger, uint16 replica) external {
        passes[entryHash][challenger] = replica + 1;
    }

    function meter(uint256 gas_) external {
        gas = gas_;
    }

    function open(Accusation calldata a, address accuser) external {
        Claim storage c = claims[msg.sender][a.entryHash];
        if (c.solver == address(0)) {
            c.solver = a.solver;
            c.responsePeriod = a.responsePeriod;
            add(c.seats, a.solver, c.responsePeriod);
            for (uint256 i = 0; i < a.acceptors.length; i++) {
                add(c.seats, a.acceptors[i], c.responsePeriod);
            }
        }
        if (c.known[accuser] || ruling(msg.sender, a.entryHash) == Ruling.Refuted) return;
        c.known[accuser] = true;
        add(c.challengers, accuser, c.responsePeriod);
    }

    function extend(bytes32 entryHash, address acceptor) external {
        Claim storage c = claims[msg.sender][entryHash];
        add(c.seats, acceptor, c.responsePeriod);
    }

    function add(Party[] storage parties, address account, uint32 period) private {
        parties.push(Party(account, uint48(block.number) + period));
    }

    function ruling(address court, bytes32 entryHash) public view returns (Ruling) {
        Claim storage c = claims[court][entryHash];
        if (c.seats.length == 0 || running(c.seats) || running(c.challengers)) return Ruling.Pending;
        for (uint256 i = 0; i < c.seats.length; i++) {
            if (!beaten(c, entryHash, c.seats[i].account)) return Ruling.Upheld;
        }
        return Ruling.Refuted;
    }

    function lost(address court, bytes32 entryHash, address account) external view returns (bool) {
        Claim storage c = claims[court][entryHash];
        if (over(c.challengers, account) && fails(c, entryHash, account)) return true;
        return over(c.seats, account) && beaten(c, entryHash, account);
    }

    /// @dev The first move is the seat's: one that is absent loses, whoever is on the other side.
    function beaten(Claim storage c, bytes32 entryHash, address seat) private view returns (bool) {
        if (isAbsent[seat]) return true;
        return isFalse[entryHash] && somebody(c.challengers);
    }

    function fails(Claim storage c, bytes32 entryHash, address challenger) private view returns (bool) {
        return (isAbsent[challenger] || !isFalse[entryHash]) && somebody(c.seats);
    }

    function somebody(Party[] storage parties) private view returns (bool) {
        for (uint256 i = 0; i < parties.length; i++) {
            if (!isAbsent[parties[i].account]) return true;
        }
        return false;
    }

    function running(Party[] storage parties) private view returns (bool) {
        for (uint256 i = 0; i < parties.length; i++) {
            if (block.number <= parties[i].until) return true;
        }
        return false;
    }

    function over(Party[] storage parties, address account) private view returns (bool) {
        for (uint256 i = 0; i < parties.length; i++) {
            if (parties[i].account == account) return block.number > parties[i].until;
        }
        return false;
    }

    function passedTo(address, bytes32 entryHash, address challenger) external view returns (bool passed, uint16) {
        uint16 replica = passes[entryHash][challenger];
        passed = replica > 0;
        return (passed, passed ? replica - 1 : 0);
    }

    function meteredGas(address, bytes32, address) external view returns (uint256) {
        return gas;
    }
}
