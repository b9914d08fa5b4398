-- What a session has asked in one state, however much is in that state elsewhere.
CREATE INDEX approvals_by_session_state ON approvals (session_key, state);
CREATE INDEX elicitations_by_session_state ON elicitations (session_key, state);
